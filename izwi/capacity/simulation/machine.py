"""Cores that work is shared between, as an operating system does it: everybody is equally slow."""

import asyncio
import heapq
import itertools

LEAST_CORES = 0.05
"""What work gets of a machine that other things fill."""


class Machine:
    """Egalitarian processor sharing (Kleinrock 1967), in simulated time.

    Args:
        cores: how many there are.
        crowding: how many times as long work takes while every core is busy with such, see `Machine.crowding` of the
            cost table.
        background: cores that are busy with other things, which come first.
        node: cores of one node, if they are not all on one: work slows what runs beside it.
    """

    def __init__(self, cores: float, crowding: float = 1.0, background: float = 0.0, node: float | None = None) -> None:
        self._cores = cores
        self._node = node or cores
        self._crowding = crowding
        self._background = background
        self._loop = asyncio.get_running_loop()
        self._jobs: list[tuple[float, int, float, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._done_s = 0.0  # work that a job which was always there would have had
        self._at = self._loop.time()
        self._wanted = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.busy_s = 0.0
        """Core-seconds used, those of the background included."""

    async def run(self, work_s: float, threads: float = 1.0) -> None:
        """Take ``work_s`` seconds of ``threads`` idle cores, or longer."""
        self._advance()
        done: asyncio.Future[None] = self._loop.create_future()
        job = (self._done_s + work_s, next(self._numbers), threads, done)
        heapq.heappush(self._jobs, job)
        self._wanted += threads
        self._plan()
        try:
            await done
        finally:
            if job in self._jobs:  # cancelled
                self._advance()
                self._drop(job)
                self._plan()

    def load(self, background: float) -> None:
        """So many cores are busy with other things from now on."""
        self._advance()
        self._background = background
        self._plan()

    @property
    def rate(self) -> float:
        """Seconds of work that each job gets done in a second."""
        if not self._wanted:
            return 1.0
        share = min(1.0, max(LEAST_CORES, self._cores - self._background) / self._wanted)
        others = min(1.0, max(0.0, self._wanted - 1.0) / (self._node - 1.0)) if self._node > 1 else 0.0
        return share / (1.0 + (self._crowding - 1.0) * others)

    def _advance(self) -> None:
        now = self._loop.time()
        passed, self._at = now - self._at, now
        self._done_s += passed * self.rate
        free = max(0.0, self._cores - self._background)
        self.busy_s += passed * (self._background + min(free, self._wanted))

    def account(self) -> float:
        """Core-seconds used until now."""
        self._advance()
        return self.busy_s

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._jobs:
            left = max(0.0, self._jobs[0][0] - self._done_s) / self.rate
            self._timer = self._loop.call_later(left, self._finish)

    def _finish(self) -> None:
        self._timer = None
        self._advance()
        while self._jobs and self._jobs[0][0] <= self._done_s + 1e-9:
            job = self._jobs[0]
            self._drop(job)
            if not job[3].done():
                job[3].set_result(None)
        self._plan()

    def _drop(self, job: tuple[float, int, float, "asyncio.Future[None]"]) -> None:
        self._jobs.remove(job)
        heapq.heapify(self._jobs)
        self._wanted -= job[2]
        if not self._jobs:
            self._wanted = 0.0  # no rounding error stays
