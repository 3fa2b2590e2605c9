"""What a very long session showed, as text. Pure."""

from dataclasses import dataclass

from loadtests.growth import SIGMAS, Growth, Hearing, Lag

SMALL_MB = 5.0
"""Processes that take no more and did not grow by a tenth of it are left out of the table."""


@dataclass(frozen=True)
class Outcome:
    audio_minutes: float
    wall_minutes: float
    growth: list[Growth]
    """The server as a whole first, this client last."""
    hearing: Hearing
    words_per_minute: list[int]
    lag: Lag | None
    """None where nothing was heard."""
    errors: dict[str, int]


def table(found: Outcome) -> str:
    """The figures as a Markdown table and three lines."""
    head = [
        "process",
        "after warm-up, MB",
        "at the end, MB",
        "MB per audio minute",
        "second half alone",
        "MB per wall minute",
    ]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for one in found.growth:
        if one.end_mb > SMALL_MB or abs(one.end_mb - one.start_mb) > SMALL_MB / 10:
            slopes = f"{one.per_audio_minute or '–'} | {one.later or '–'} | {one.per_wall_minute or '–'}"
            lines.append(f"| {one.name} | {one.start_mb:.1f} | {one.end_mb:.1f} | {slopes} |")
    lines += ["", f"{found.audio_minutes:.1f} minutes of audio in {found.wall_minutes:.1f} minutes; ± standard error"]
    shares = ", ".join(f"{one.median:.2f}" for one in found.hearing.by_minutes)
    lines.append(f"words heard per word said: {found.hearing.share:.3f}; every five minutes: {shares or '–'}")
    if found.lag is not None:
        slope = f"{found.lag.line or '–'} s per audio minute"
        lines.append(f"lag: {found.lag.first_s:.2f} s at first, {found.lag.last_s:.2f} s at last, {slope}")
    return "\n".join(lines)


def failures(found: Outcome, limit: float | None) -> list[str]:
    """Why the session was not sound, and whether it still grew by more than ``limit`` MB per audio minute in the second
    half after the warm-up: caches and allocators fill up for half an hour."""
    failed = [f"{count} times {error}" for error, count in found.errors.items()]
    failed += [
        f"from minute {start:.0f} after the warm-up on, words are missing or extra" for start in found.hearing.strays
    ]
    if found.lag is None:
        failed.append("nothing was heard")
    elif found.lag.grows:
        failed.append("the lag grows")
    line = found.growth[0].later if found.growth else None
    if line is None:
        failed.append("too short after the warm-up to tell how memory grows")
    elif limit is not None and line.slope - SIGMAS * line.error > limit:
        failed.append(f"memory grows by more than {limit:g} MB per audio minute")
    return failed
