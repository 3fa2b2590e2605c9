"""What docs/operations.md says, and which metrics a query names."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "operations.md"
_ROW = re.compile(r"^\| `((?:izwi|process)_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
_NAME = re.compile(r"\b(?:izwi|process|ray|haproxy)_\w+")
SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Documented:
    name: str
    """As scraped; of a histogram without its suffixes."""
    type: str
    labels: frozenset[str]


def documented() -> list[Documented]:
    """The rows of the metrics tables."""
    rows = _ROW.findall(PAGE.read_text())
    return [Documented(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows]


def anchors() -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named(expr: str) -> set[str]:
    """Metrics in a PromQL expression, of histograms without their suffixes."""
    bare = re.sub(r'"[^"]*"', "", expr)
    return {plain(name) for name in _NAME.findall(bare)}


def plain(name: str) -> str:
    """A sample's name without what makes it one of a histogram."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name
