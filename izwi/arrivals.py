"""When audio came, so that what is made of it can be told by how late it is. Pure; times are the caller's clock."""

from bisect import bisect_left

from izwi.utterance import Window

REMEMBERED = 8192
"""Frames: two minutes of 20 ms each, at most twice that. What is later than that is beyond measuring."""


class Arrivals:
    """Stream offsets, in samples, to the seconds at which they were received."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._times: list[float | None] = []

    def came(self, end: int, at: float | None) -> None:
        """The samples before ``end`` are here; ``at`` is None for those that nobody waits for, such as a file's."""
        if len(self._ends) >= 2 * REMEMBERED:
            del self._ends[:REMEMBERED], self._times[:REMEMBERED]
        self._ends.append(end)
        self._times.append(at)

    def at(self, offset: int) -> float | None:
        """When the samples before ``offset`` were complete; beyond the end the last ones count. None where that is not
        known any more, or nobody waited."""
        if not self._ends or offset < self._ends[0]:
            return None
        return self._times[min(bisect_left(self._ends, offset), len(self._ends) - 1)]


class Chunks:
    """Divides the audio of passes into chunks, as much as is asked for between two updates each.

    Args:
        size: samples of a chunk.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._heard = 0

    def heard(self, window: Window, due: int) -> list[int]:
        """The stream offsets from which on the chunks wait that a pass is the first to cover: each its end, or that of
        the audio with which the pass was ``due``. A pause ends a chunk early; what a failed pass should have covered is
        the next one's."""
        end = window.start + len(window.samples)
        begin = end - window.fresh
        if window.start <= self._heard < begin:
            begin = self._heard
        self._heard = end
        if begin >= end:
            return []
        ready = min(due, end)
        return [max(chunk, ready) for chunk in range(begin + self._size, end + 1, self._size)] or [end]
