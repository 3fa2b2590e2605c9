"""Memory that was freed goes back to the system.

glibc keeps what a process frees, for later, and where blocks of many sizes come and go it keeps ever more: a recogniser
of 260 MB seems to grow for an hour, by hundreds of megabytes that it does not use.
"""

import ctypes
import threading
import time
from collections.abc import Callable

EVERY_S = 30.0
"""Giving back takes milliseconds, and taking again what is needed some more."""


class Heap:
    """Of this process.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other libraries keep less, and have no such call
        self._clock = clock
        self._due = clock() + EVERY_S
        self._lock = threading.Lock()

    def tidy(self) -> bool:
        """Give back what is free, if it was not done lately; returns whether it was done now. From any thread."""
        with self._lock:
            if self._trim is None or self._clock() < self._due:
                return False
            self._due = self._clock() + EVERY_S
        self._trim(0)
        return True
