"""Figures of a run, from what was measured. Pure."""

from collections import Counter
from collections.abc import Sequence


def tally(errors: Sequence[str]) -> dict[str, int]:
    """How often each happened, the most frequent first."""
    return dict(Counter(errors).most_common())


def rate(count: float, seconds: float) -> float | None:
    """``count`` per second; None for no time."""
    return round(count / seconds, 3) if seconds else None
