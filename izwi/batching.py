"""Turns at the recogniser: who may go next when there are more speakers than workers, and who goes together.

A request is made only once its turn has come, so that no pass works on a window that grew old in a queue. A free
place takes all that wait, up to a batch: decoding is bound by memory bandwidth, and four windows together take less
than twice the time of one. Turns go by deadline (earliest first): a careful pass is due at once, a partial one has some
patience. Careful passes so go first, until a partial one has waited that long: under overload neither starves.
Files have much patience, and leave a place to speakers while there are any: a call under way cannot be interrupted.
"""

import asyncio
import contextvars
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from izwi.errors import Unavailable
from izwi.spacing import Spacing

Q = TypeVar("Q")
A = TypeVar("A")

PATIENCE_S = 1.0
"""Seconds by which a careful pass goes before a partial one that came at the same time."""
FILE_PATIENCE_S = 10.0
"""The same for a window of a file: live speech always goes first, unless nothing else ever got a turn."""
LIVE_S = 3.0
"""Since the last live request, within which somebody may ask again at any moment: speakers pause for breath."""


@dataclass(order=True)
class _Turn(Generic[Q, A]):
    due: float
    number: int
    asked: float = field(compare=False)
    take: Callable[[], Q] = field(compare=False)
    answer: "asyncio.Future[A]" = field(compare=False)


Turns = list[_Turn[Q, A]]
"""A heap."""


class Batcher(Generic[Q, A]):
    """Lines up requests and makes calls with up to ``size`` of one kind.

    Args:
        call: answers a batch, in order; an exception in the place of an answer is raised to its asker.
        places: calls under way at once, one per worker.
        size: requests per call at most.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Q], bool], Awaitable[Sequence[A | Exception]]],
        places: int,
        size: int,
    ) -> None:
        self._call = call
        self._free = places
        self._size = size
        # With their times: what is due at once is in uvloop a handle that knows of none.
        self._departure: tuple[float, asyncio.Handle] | None = None
        self._later: tuple[float, asyncio.Handle] | None = None
        self._numbers = itertools.count()
        self._urgent: Turns[Q, A] = []
        self._patient: Turns[Q, A] = []
        self._files: Turns[Q, A] = []
        self._places = places
        self.spacing = Spacing(places)
        """Of the requests of live sessions."""
        self._live_at = -math.inf
        self._live_calls = 0
        self._live_calls_s = 0.0
        self._counted_at = 0.0
        self._running: set[asyncio.Task[None]] = set()
        # Calls serve several sessions and must outlive the one that happened to start them: Serve cancels what was
        # begun in the context of a request when that request ends.
        self._context = contextvars.copy_context()

    @property
    def waiting(self) -> int:
        return len(self._urgent) + len(self._patient)

    @property
    def files_waiting(self) -> int:
        return len(self._files)

    @property
    def wait_s(self) -> float:
        """Seconds that the longest waiting live request has waited; 0 where none waits."""
        asked = [turn.asked for turns in (self._urgent, self._patient) for turn in turns]
        return asyncio.get_running_loop().time() - min(asked) if asked else 0.0

    @property
    def live_calls_s(self) -> float:
        """Seconds that calls for live requests have been under way so far, of several at once all of them."""
        self._count_live(0)
        return self._live_calls_s

    def resize(self, places: int, sharers: int = 1) -> None:
        """There are more or fewer workers than before, or batchers like this one that call them; calls under way are
        not disturbed."""
        self._free += places - self._places
        self._places = places
        self.spacing.workers = places / sharers
        if self._departure is None:  # one that is about to leave finds the new places by itself
            self._start()

    @property
    def gathering(self) -> bool:
        """A call is about to leave; requests that come now go with it."""
        return self._departure is not None

    async def ask(self, take: Callable[[], Q], urgent: bool, linger_s: float = 0.0) -> A:
        """The answer to the request of a live session that ``take`` makes when its turn has come.

        Args:
            urgent: a careful pass, that somebody waits for.
            linger_s: seconds to wait for company while less than a batch is there; the least patient request decides.
        """
        self._live_at = asyncio.get_running_loop().time()
        turns, patience_s = (self._urgent, 0.0) if urgent else (self._patient, PATIENCE_S)
        return await self._wait(turns, patience_s, take, linger_s)

    async def ask_for_file(self, request: Q) -> A:
        """The answer to a request that nobody speaks for while it waits."""
        return await self._wait(self._files, FILE_PATIENCE_S, lambda: request)

    async def _wait(self, turns: Turns[Q, A], patience_s: float, take: Callable[[], Q], linger_s: float = 0.0) -> A:
        loop = asyncio.get_running_loop()
        now = loop.time()
        turn: _Turn[Q, A] = _Turn(now + patience_s, next(self._numbers), now, take, loop.create_future())
        heapq.heappush(turns, turn)
        if linger_s and self.waiting < self._size:
            self._depart_by(now + linger_s)
        else:
            self._start()
        try:
            return await turn.answer
        finally:
            if turn in turns:  # cancelled before its turn
                turns.remove(turn)
                heapq.heapify(turns)

    def _depart_by(self, when: float) -> None:
        if self._departure is not None:
            earlier, handle = self._departure
            if earlier <= when:
                return
            handle.cancel()
        self._departure = (when, asyncio.get_running_loop().call_at(when, self._start))

    def _start(self) -> None:
        if self._departure is not None:
            self._departure[1].cancel()
            self._departure = None
        while self._free > 0 and (queues := self._queues()):
            turns = min(queues, key=lambda turns: turns[0])
            size = 1 if turns is self._files and self._live else self._size
            batch = [heapq.heappop(turns) for _ in range(min(size, len(turns)))]
            self._free -= 1
            run = self._run(batch, urgent=turns is not self._patient, live=turns is not self._files)
            task = asyncio.create_task(run, context=self._context)
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    @property
    def _live(self) -> bool:
        return asyncio.get_running_loop().time() < self._live_at + LIVE_S

    def _queues(self) -> list[Turns[Q, A]]:
        """Those that may be served now."""
        queues = [turns for turns in (self._urgent, self._patient) if turns]
        if self._files:
            loop = asyncio.get_running_loop()
            due = min(self._files[0].due, self._live_at + LIVE_S)
            if self._free > 1 or self._places == 1 or due <= loop.time():
                queues.append(self._files)
            elif self._later is None or self._later[0] <= loop.time():
                self._later = (due, loop.call_at(due, self._start))  # speakers may never ask again
        return queues

    async def _run(self, batch: list[_Turn[Q, A]], urgent: bool, live: bool) -> None:
        self._count_live(live)
        try:
            batch = [turn for turn in batch if not turn.answer.done()]
            if batch:
                began = asyncio.get_running_loop().time()
                answers = await self._call([turn.take() for turn in batch], urgent)
                if live:
                    self.spacing.took((asyncio.get_running_loop().time() - began) / len(batch))
                _settle(batch, answers)
        except Exception as error:
            _settle(batch, [error] * len(batch))
        except asyncio.CancelledError:  # nobody may wait for ever for a call that was cancelled
            _settle(batch, [Unavailable("the call was cancelled")] * len(batch))
            raise
        finally:
            self._count_live(-live)
            self._free += 1
            self._start()

    def _count_live(self, change: int) -> None:
        now = asyncio.get_running_loop().time()
        self._live_calls_s += self._live_calls * (now - self._counted_at)
        self._counted_at = now
        self._live_calls += change


def _settle(batch: Sequence[_Turn[Q, A]], answers: Sequence[A | Exception]) -> None:
    for turn, answer in zip(batch, answers, strict=True):
        if turn.answer.done():  # its asker has gone
            continue
        if isinstance(answer, Exception):
            turn.answer.set_exception(answer)
        else:
            turn.answer.set_result(answer)
