"""Places at the recogniser: who may go next when there are more speakers than workers.

A session takes its audio only once it has a place, so that a pass never works on a window that grew old in a queue.
Careful passes go before partial ones; within each kind, first come, first served, so that no speaker starves another.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Slots:
    """A semaphore with two queues.

    Args:
        count: places, one per worker that can decode at the same time.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._urgent) + len(self._patient)

    @asynccontextmanager
    async def hold(self, urgent: bool) -> AsyncGenerator[None]:
        """Wait for a place, keep it for the time of the ``async with`` block."""
        if self._free and not self.waiting:
            self._free -= 1
        else:
            queue = self._urgent if urgent else self._patient
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()  # the place came with the cancellation
                else:
                    queue.remove(turn)
                raise
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        for queue in (self._urgent, self._patient):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1
