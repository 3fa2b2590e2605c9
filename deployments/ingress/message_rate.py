"""How many messages a client may send: a leaky bucket. Pure."""

import time
from collections.abc import Callable

from izwi.errors import TooManyMessages

BURST_S = 4.0
"""Seconds' worth that may come at once: a client that was cut off sends what it kept."""


class MessageRate:
    """
    Args:
        per_s: messages a second, for any length of time.
        clock: monotonic seconds.
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._level = 0.0
        self._at = clock()

    def count(self) -> None:
        """One more. Raise `TooManyMessages` where there have been too many."""
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._at) * self._per_s) + 1
        self._at = now
        if self._level > BURST_S * self._per_s:
            raise TooManyMessages(f"more than {self._per_s:g} messages a second; put more audio into each")
