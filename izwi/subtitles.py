"""Subtitles from timed text, as SubRip and WebVTT. Pure."""

import html
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from izwi.pieces import join_texts

MAX_LINE = 42
"""Characters per line, and..."""
MAX_LINES = 2
"""...lines per cue: the common broadcasters' limits (Netflix and EBU style guides)."""
MIN_SECONDS = 1.0
"""Shortest time a cue stays, where the next one leaves room: less cannot be read."""
GAP_SECONDS = 0.04
"""Kept free between cues, one frame at 25 Hz, so that a change is seen."""


@dataclass(frozen=True)
class Cue:
    """Text shown from ``start_s`` to ``end_s``."""

    start_s: float
    end_s: float
    text: str


def to_srt(cues: Iterable[Cue]) -> str:
    """SRT of cues in order of time: long ones are split, short ones prolonged, empty ones left out."""
    blocks = (
        f"{number}\n{_stamp(cue.start_s, ',')} --> {_stamp(cue.end_s, ',')}\n{cue.text}\n"
        for number, cue in enumerate(_readable(cues), 1)
    )
    return "\n".join(blocks)


def to_vtt(cues: Iterable[Cue]) -> str:
    """WebVTT of cues in order of time, as `to_srt` does it; what would be markup there is escaped."""
    blocks = (
        f"{_stamp(cue.start_s, '.')} --> {_stamp(cue.end_s, '.')}\n{html.escape(cue.text, quote=False)}\n"
        for cue in _readable(cues)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def _readable(cues: Iterable[Cue]) -> list[Cue]:
    return list(_prolong([part for cue in _apart(cues) for part in _split(cue)]))


def _apart(cues: Iterable[Cue]) -> Iterator[Cue]:
    """Cues between which there is time: those that begin together become one."""
    held: Cue | None = None
    for cue in cues:
        if held is not None and cue.start_s < held.start_s + 2 * GAP_SECONDS:
            cue = Cue(held.start_s, max(held.end_s, cue.end_s), join_texts((held.text.strip(), cue.text.strip())))
        elif held is not None:
            yield held
        held = cue
    if held is not None:
        yield held


def _split(cue: Cue) -> Iterator[Cue]:
    """Cut a cue into cues of at most `MAX_LINES` lines; each gets time by its share of the characters."""
    lines = _wrap(" ".join(cue.text.split()), MAX_LINE)
    groups = ["\n".join(lines[first : first + MAX_LINES]) for first in range(0, len(lines), MAX_LINES)]
    total = sum(map(len, groups))
    start = cue.start_s
    for group in groups:
        end = start + (cue.end_s - cue.start_s) * len(group) / total
        yield Cue(start, end, _balance(group))
        start = end


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _balance(text: str) -> str:
    """Break two lines near the middle: a long line over a short one pulls the eye twice."""
    flat = text.replace("\n", " ")
    if "\n" not in text:
        return text
    for width in range(len(flat) // 2, MAX_LINE + 1):
        if len(lines := _wrap(flat, width)) <= MAX_LINES:
            return "\n".join(lines)
    return text


def _prolong(cues: list[Cue]) -> Iterator[Cue]:
    for cue, following in zip_longest(cues, cues[1:]):
        end = max(cue.end_s, cue.start_s + MIN_SECONDS)
        if following and end > following.start_s - GAP_SECONDS:
            end = max(following.start_s - GAP_SECONDS, cue.start_s + GAP_SECONDS)
        yield Cue(cue.start_s, end, cue.text)


def _stamp(seconds: float, comma: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{comma}{rest % 1000:03}"
