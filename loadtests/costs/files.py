"""The three files that one run writes into the package."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from izwi.capacity.costs import BENCH, COSTS, KEYS, SPEECH, CostTable, Machine, Row
from izwi.capacity.speech import Clip, Speech

HEADER = """\
# What each stage costs, in seconds of one core unless a field's name says otherwise. izwi/capacity/costs.py explains
# every field. Written by: python -m loadtests.costs --check --write
"""


def toml(table: CostTable) -> str:
    """The table as a file that `izwi.capacity.costs.parse` reads."""
    parts = [HEADER, "[machine]", *_fields(table.machine), ""]
    for section in KEYS:
        for row in getattr(table, section):
            parts += [f"[[{section}]]", *_fields(row), ""]
    return "\n".join(parts)


def write(
    folder: Path, table: CostTable, speech: Speech, rows: Sequence[dict[str, Any]], seconds: float, seed: int
) -> list[Path]:
    """Replace all three; each bears the run."""
    bench = {"run": table.machine.run, "seconds": seconds, "seed": seed, "rows": list(rows)}
    texts = {
        COSTS: toml(table),
        SPEECH: _short(json.dumps(speech.model_dump(), ensure_ascii=False, indent=1)),
        BENCH: _short(json.dumps(bench, indent=1)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text.rstrip("\n") + "\n", "utf-8")
    return [folder / name for name in texts]


def speech(machine: Machine, language: str, clips: Iterable[Clip]) -> Speech:
    return Speech(run=machine.run, language=language, clips=tuple(clips))


def _fields(row: Row) -> list[str]:
    values = row.model_dump(exclude_defaults=True)
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]


def _short(text: str) -> str:
    """Pairs and small objects of numbers on one line each."""
    return re.sub(r"([\[{])\s+([^\[\]{}]{1,90}?)\s+([\]}])", lambda found: _joined(*found.groups()), text)


def _joined(opening: str, inside: str, closing: str) -> str:
    return opening + " ".join(inside.split()) + closing
