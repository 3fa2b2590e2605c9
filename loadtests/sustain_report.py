"""What many speakers over minutes showed, as text. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.timeline import Course, Listener

NAMES = {
    "committed": "word committed",
    "final": "final after speech",
    "first_speech": "first audio after clause",
    "all_speech": "all audio after clause",
}
OWN_LIMIT = 80.0
"""Percent of a core from which on this client may be what is late."""


@dataclass(frozen=True)
class Outcome:
    """Times in seconds, CPU in percent of one core."""

    speakers: int
    minutes: float
    courses: dict[str, Course]
    """By the keys of `NAMES`."""
    refused: int
    retry_after_s: list[float | None]
    """What the server told those whom it refused."""
    dropped: int
    """Sessions that ended before their audio did."""
    skipped: int
    """Clauses that were not spoken."""
    errors: dict[str, int]
    loads: dict[str, int]
    """How often each level was told."""
    first_load_s: dict[str, float]
    """When each level was first told, since the crowd began."""
    most_update_ms: int | None
    alone_s: float | None
    """Median delay of a committed word while there was one speaker."""
    recovery_s: float | None
    """Until the remaining speaker's words were within twice that again."""
    late_chunks: int
    client: float
    server: float
    others: float


def loads(heard: Sequence[Listener], began: float) -> tuple[dict[str, int], dict[str, float], int | None]:
    """How often each level was told since ``began``, when first, and the longest time between updates."""
    told = [one for listener in heard for one in listener.told if one[0] >= began]
    first: dict[str, float] = {}
    for at, load in sorted(told, key=lambda one: one[0]):
        first.setdefault(load.level, at - began)
    counts = Counter(load.level for _, load in told)
    return dict(counts), first, max((load.update_ms for _, load in told), default=None)


def table(found: Outcome) -> str:
    """The figures as a Markdown table and some lines."""
    lines = ["| | number | first minute | last minute | seconds per minute |", "| --- | --- | --- | --- | --- |"]
    for key, name in NAMES.items():
        one = found.courses[key]
        if one.count:
            edges = f"{_cell(one.first_minute)} | {_cell(one.last_minute)}"
            lines.append(f"| {name} | {one.count} | {edges} | {one.per_minute or '–'} |")
    lines += ["", f"medians in seconds; {found.speakers} speakers for {found.minutes:g} minutes"]
    lines.append(
        f"alone {_cell(found.alone_s)} s, back within twice that {_cell(found.recovery_s)} s after they stopped"
    )
    hints = sorted({f"{hint:g} s" if hint is not None else "no hint" for hint in found.retry_after_s})
    told = f" (told to come back after {', '.join(hints)})" if hints else ""
    lines.append(f"{found.refused} refused{told}, {found.dropped} dropped, {found.skipped} clauses not spoken")
    for level, count in found.loads.items():
        lines.append(f"load {level}: {count} times, first after {found.first_load_s[level]:.0f} s")
    if found.most_update_ms is not None:
        lines.append(f"longest time between updates: {found.most_update_ms} ms")
    if found.errors:
        lines.append(f"errors: {', '.join(f'{count} {code}' for code, count in found.errors.items())}")
    lines.append(f"CPU, % of one core: server {found.server:.0f}, client {found.client:.0f}, others {found.others:.0f}")
    return "\n".join(lines)


def failures(found: Outcome, most_slope: float | None, most_recovery_s: float | None) -> list[str]:
    """Why the run is void, and which limits it missed."""
    failed = []
    if found.late_chunks:
        failed.append(f"void: {found.late_chunks} chunks sent late")
    if found.client > OWN_LIMIT:
        failed.append(f"void: this client used {found.client:.0f} % of a core")
    if found.dropped:
        failed.append(f"{found.dropped} sessions dropped")
    if not found.courses["committed"].count:
        failed.append("nothing was heard")
    slope = found.courses["committed"].per_minute
    if most_slope is not None and (slope is None or slope.slope - 2 * slope.error > most_slope):
        failed.append(f"words come later by more than {most_slope:g} s per minute")
    if most_recovery_s is not None and (found.recovery_s is None or found.recovery_s > most_recovery_s):
        failed.append(f"not recovered within {most_recovery_s:g} s")
    return failed


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
