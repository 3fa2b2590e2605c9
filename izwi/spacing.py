"""How much new speech is worth a recognition pass while several people speak. Pure.

A recogniser that is asked as often as it can answer is always busy: whoever pauses waits for passes of others that are
about to be made again anyway, and the processor has nothing left for everything else. So passes are spaced such that
it rests for a part of the time. Beyond a certain number of speakers it has no rest, and `izwi.load` tells what that
means.
"""

from collections.abc import Generator
from contextlib import contextmanager

BUSY = 0.5
"""Share of the time that the workers are to be busy: above it, waiting grows faster than updates become rarer."""
SMOOTHING = 0.1
"""Weight of the newest pass in the mean cost."""
MOST = 4.0
"""Times the usual update at most. Nobody is better off when the recogniser rests though everybody waits."""


class Spacing:
    """
    Args:
        workers: passes that can be made at once; a share of them where others make passes as well.
    """

    def __init__(self, workers: float = 1.0) -> None:
        self.workers = workers
        self._speakers = 0
        self._cost_s = 0.0

    @contextmanager
    def speaking(self) -> Generator[None]:
        """Somebody speaks."""
        self._speakers += 1
        try:
            yield
        finally:
            self._speakers -= 1

    def took(self, seconds: float) -> None:
        """A pass kept a worker for so long; one of several made together, its share."""
        self._cost_s += SMOOTHING * (seconds - self._cost_s) if self._cost_s else seconds

    def update_s(self, usual_s: float) -> float:
        """New speech to gather before the next pass, where it usually is ``usual_s``; both in seconds."""
        return spaced_s(usual_s, self._speakers, self._cost_s, self.workers)


def spaced_s(usual_s: float, speakers: float, cost_s: float, workers: float) -> float:
    """Speech to gather per pass with so many speakers, where a pass keeps one of the workers for ``cost_s``."""
    return min(max(usual_s, speakers * cost_s / (workers * BUSY)), MOST * usual_s)
