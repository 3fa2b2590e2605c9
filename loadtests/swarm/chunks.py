"""How long the server takes with a chunk of audio, what its policy makes it wait for left out. Pure.

A chunk counts as processed when a recognition pass that has heard it tells its result. With ``debug`` the server says
of every pass how far it went (``heard_s``), and with how much of the audio it was due (``due_s``): when an update of
new speech had come in, or the speaker had paused or ended. Waiting for that is policy and not work, and so is that what
a pass has heard may not be shown or settled yet. A chunk's time therefore begins when the chunk was due to be sent, or
the audio with which the first pass that hears it was due, in steps of ``IZWI_VAD__HOP_MS``, whichever is later.
Network, proxy, detector, waiting for a busy recogniser and its work all count; so does a pass that was due long before
it was made. Times are from the schedule: a client or a connection that is late makes the server look worse.
"""

from collections import deque
from collections.abc import Callable

FRAME_S = 0.032
"""The detector takes whole frames; what of a chunk fills none is heard with the next chunk."""


class Processing:
    """Of one session's chunks with speech in them.

    Args:
        hop_s: audio that the detector gathers before the server knows of it.
        chunk_s: length of a chunk.
        due: when audio up to a time in seconds should have been sent, in seconds of some clock.
    """

    def __init__(self, hop_s: float, chunk_s: float, due: Callable[[float], float]) -> None:
        self._hop_s = hop_s
        self._chunk_s = chunk_s
        self._due = due
        self._waiting: deque[float] = deque()
        self.missed = 0
        """Chunks with speech that no pass has heard: the detector did not take them for any."""

    def sent(self, end_s: float) -> None:
        """A chunk that ends there has speech in it."""
        self._waiting.append(end_s)

    def onset(self, time_s: float) -> None:
        """An utterance begins; a chunk that lies before it will not be heard any more."""
        while self._waiting and self._waiting[0] <= time_s:
            self._waiting.popleft()
            self.missed += 1

    def heard(self, until_s: float, due_s: float, at: float) -> list[float]:
        """The result of a pass that went so far, and was due with so much audio, was there at that time; seconds per
        chunk that it is the first for."""
        return self._processed(until_s, self._due(min(due_s + self._hop_s, until_s)), at)

    def finished(self, end_s: float, due_s: float, at: float) -> list[float]:
        """The final result of an utterance whose speech ended there; a chunk may reach beyond that."""
        return self._processed(end_s + self._chunk_s, self._due(due_s), at)  # due in steps of the detector's

    def _processed(self, until_s: float, ready: float, at: float) -> list[float]:
        found: list[float] = []
        while self._waiting and self._waiting[0] <= until_s + FRAME_S:
            found.append(at - max(self._due(self._waiting.popleft()), ready))
        return found

    def close(self) -> None:
        """Nothing more will come."""
        self.missed += len(self._waiting)
        self._waiting.clear()
