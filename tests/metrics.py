"""What a scrape tells, and the values that its labels may have: none of them is a client's choice."""

import re
from collections.abc import Iterator

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deployments.ingress.collectors import QUEUES
from deployments.ingress.health import WHAT
from izwi.catalog import ENGINES, ON_DEMAND, STAGES
from izwi.errors import error_classes
from izwi.load import Level
from izwi.speaking import OVERLOADED, QUEUE_FULL, TOO_FAR_BEHIND

_ENGINE = {engine.name for engine in ENGINES}
_CODE = set(error_classes())
_MARKS = {"applied", "timeout", "failed", "off"}

LABELS: dict[str, set[str] | re.Pattern[str]] = {
    "stage": {*STAGES, *ON_DEMAND},
    "engine": _ENGINE,
    "preferred": _ENGINE | {""},
    "code": _CODE,
    "outcome": _CODE | {"ended", "moved", "left", "disconnected", "cancelled", "broken", "ok", "done", "lost"},
    "role": {"corrector", "translator"},
    "llm": _MARKS,
    "reason": {OVERLOADED, QUEUE_FULL, TOO_FAR_BEHIND, *WHAT},
    "path": re.compile(r"unknown|(/[a-z0-9._-]+|/\{[a-z_]+\})+"),
    "status": re.compile(r"0|[1-5]\d\d"),
    "kind": {"live", "file"},
    "level": {level.value for level in Level if level is not Level.NORMAL},
    "queue": set(QUEUES),
    "cache": {"spellings", "sounds", "vocabulary", "capabilities"},
    "result": {"hit", "miss"},
    "replica": re.compile(r"[a-z0-9]{8}"),
    "le": re.compile(r"\d+(\.\d+)?|\+Inf"),
}


def samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def scrape(url: str, **headers: str) -> str:
    """Of the server at that address."""
    response = httpx.get(f"{url}/metrics", headers=headers, trust_env=False, timeout=30)
    response.raise_for_status()
    return response.text


def value(text: str, name: str, **labels: str) -> float:
    """The sum of the samples of that name that have those labels."""
    return sum(s.value for s in samples(text) if s.name == name and labels.items() <= s.labels.items())
