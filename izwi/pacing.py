"""Cutting audio for sending, not too many frames at once, and remembering when it left. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.stages import Samples


class SendClock:
    """When each sample left: session time in seconds to the sender's monotonic clock in seconds."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._times: list[float] = []

    @property
    def samples(self) -> int:
        """Samples sent so far."""
        return self._ends[-1] if self._ends else 0

    def sent(self, samples: int, at: float) -> None:
        """``samples`` more have left at time ``at``."""
        self._ends.append(self.samples + samples)
        self._times.append(at)

    def at(self, time_s: float) -> float | None:
        """When the audio up to ``time_s`` had left; beyond the end the last frame counts, None before any."""
        if not self._times:
            return None
        index = bisect_left(self._ends, round(time_s * SAMPLE_RATE))
        return self._times[min(index, len(self._times) - 1)]


class FrameLimit:
    """Keeps a sender of many small frames below what servers take (``IZWI_MAX_MESSAGES_PER_S``, 500 by default)."""

    PER_S = 400.0
    BURST_S = 1.0

    def __init__(self) -> None:
        self._next_at = 0.0

    def wait_s(self, now: float) -> float:
        """How long to wait before the next frame; ``now`` in monotonic seconds."""
        self._next_at = max(self._next_at, now - self.BURST_S) + 1 / self.PER_S
        return max(0.0, self._next_at - now)


def rechunk(chunks: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Cut pieces of any length into pieces of ``size`` samples; the last one may be shorter."""
    rest = np.zeros(0, np.float32)
    for chunk in chunks:
        rest = np.concatenate([rest, chunk])
        whole = len(rest) - len(rest) % size
        yield from np.split(rest[:whole], range(size, whole, size)) if whole else ()
        rest = rest[whole:]
    if len(rest):
        yield rest
