"""Which stages do not answer now, as their callers find out: sessions are told, and operators see it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployments.ingress.metrics import Metrics
from izwi.errors import EngineFailed, IzwiError, StageTimeout
from izwi.messages import StageStatus

MOST_CHANGES = 100
"""Kept for a session that does not ask."""
FORGOTTEN_S = 120.0
"""Without a further failure, after which a stage counts as working again: perhaps nobody asks it for anything."""


class StageHealth:
    """One replica's view of the stages it calls.

    Args:
        clock: seconds.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._failing: dict[str, str] = {}
        self._failed_at: dict[str, float] = {}
        self._listeners: set[asyncio.Queue[StageStatus]] = set()

    @property
    def failing(self) -> dict[str, str]:
        """Wire code by stage."""
        return dict(self._failing)

    def failed(self, stage: str, error: IzwiError) -> None:
        """A call has failed. What says something about its request, or about load, says nothing about the stage."""
        if not isinstance(error, EngineFailed | StageTimeout):
            return
        self._failed_at[stage] = self._clock()
        if stage not in self._failing:
            self._failing[stage] = error.code
            self._tell(StageStatus(stage=stage, working=False, code=error.code))

    def worked(self, stage: str) -> None:
        if self._failing.pop(stage, None) is not None:
            self._tell(StageStatus(stage=stage, working=True))

    def forget(self) -> None:
        """What failed long ago and has not been asked since says nothing about now."""
        for stage in self.failing:
            if self._clock() - self._failed_at[stage] >= FORGOTTEN_S:
                self.worked(stage)

    @contextmanager
    def changes(self) -> Iterator[asyncio.Queue[StageStatus]]:
        """A queue of what changes from now on."""
        queue: asyncio.Queue[StageStatus] = asyncio.Queue(MOST_CHANGES)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def _tell(self, status: StageStatus) -> None:
        self._metrics.failing.labels(status.stage).set(not status.working)
        for queue in self._listeners:
            if not queue.full():
                queue.put_nowait(status)
