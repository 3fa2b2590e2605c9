"""How long the server takes with a chunk of audio, what its policy makes it wait for left out. Pure.

A chunk counts as processed when a recognition pass that has heard it tells its result. With ``debug`` the server says
of every pass how far it went (``heard_s``). Two waits are policy and not work: a pass is made once an update of new
speech has come in, ``IZWI_SESSION__UPDATE_MS`` or what the server says that it gathered (``update_ms``), in steps of
``IZWI_VAD__HOP_MS``; and what a pass has heard may not be shown or settled yet. So a chunk's time begins when the pass
that hears it could have been made, had the server nothing else to do: when the chunk was due to be sent, or one update
after what the pass before had heard, whichever is later. Network, proxy, detector, waiting for a busy recogniser and
its work all count; an update that stretches under load counts as well. Times are from the schedule: a client or a
connection that is late makes the server look worse.
"""

from collections import deque
from collections.abc import Callable

FRAME_S = 0.032
"""The detector takes whole frames; what of a chunk fills none is heard with the next chunk."""


class Processing:
    """Of one session's chunks with speech in them.

    Args:
        update_s: audio that the server gathers before a pass, unless it says otherwise.
        chunk_s: length of a chunk.
        due: when audio up to a time in seconds should have been sent, in seconds of some clock.
    """

    def __init__(self, update_s: float, chunk_s: float, due: Callable[[float], float]) -> None:
        self._update_s = update_s
        self._chunk_s = chunk_s
        self._due = due
        self._waiting: deque[float] = deque()
        self._heard_s = 0.0
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
        self._heard_s = max(self._heard_s, time_s)

    def heard(self, until_s: float, at: float, update_s: float | None = None) -> list[float]:
        """The result of a pass that went so far was there at that time; seconds per chunk that it is the first for."""
        ready = self._due(self._heard_s + (self._update_s if update_s is None else update_s))
        found: list[float] = []
        while self._waiting and self._waiting[0] <= until_s + FRAME_S:
            found.append(at - max(self._due(self._waiting.popleft()), ready))
        self._heard_s = max(self._heard_s, until_s)
        return found

    def finished(self, end_s: float, at: float) -> list[float]:
        """The final result of an utterance whose speech ended there; a chunk may reach beyond that."""
        return self.heard(end_s + self._chunk_s, at)

    def close(self) -> None:
        """Nothing more will come."""
        self.missed += len(self._waiting)
        self._waiting.clear()
