"""How a run goes, while it goes: one line."""

import time

from rich.console import Console

from loadtests.swarm.tally import Tally

WINDOW_S = 30.0
EVERY_S = 10.0
"""Between two lines where they go into a file."""
SHOWN = {"word_shown": "words", "chunk": "chunks", "resume": "resumes", "transcription": "recordings"}


def line(name: str, tally: Tally, users: int, at_s: float, seconds: float, now: float) -> str:
    """What the last half minute was like.

    Args:
        at_s: since the beginning, of ``seconds`` in all.
        now: wall clock, in seconds.
    """
    parts = [f"{name} {_clock(at_s)} of {_clock(seconds)}", f"{users} users"]
    for metric, label in SHOWN.items():
        values = sorted(tally.values(metric, now - WINDOW_S))
        if values:
            median, late = values[len(values) // 2], values[int(0.95 * (len(values) - 1))]
            parts.append(f"{label} {median:.2f}/{late:.2f} s")
    counts = tally.counts
    parts.append(f"{sum(tally.errors.values())} errors, {counts['sessions lost']:.0f} sessions lost")
    if counts["chunks late"]:
        parts.append(f"{counts['chunks late']:.0f} chunks sent late")
    return "  ".join(parts)


class Progress:
    """Rewrites the line on a terminal, writes another one now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("", refresh_per_second=1)  # drawing takes CPU from the senders
        self._told_at = 0.0
        if console.is_terminal:
            self._status.start()

    def tell(self, text: str) -> None:
        if self._console.is_terminal:
            self._status.update(text)
        elif time.monotonic() - self._told_at >= EVERY_S:
            self._told_at = time.monotonic()
            self._console.print(text, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._status.stop()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
