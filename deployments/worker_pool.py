"""Worker threads whose calls may hang: each call is timed from when it begins, and a thread that hangs is replaced.

A thread cannot be ended. One that hangs is left behind, and what waited for it is done by others.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

R = TypeVar("R")

LOOKS = 5
"""Times per limit that calls are looked at."""


@dataclass(eq=False)
class _Call:
    work: Callable[[], Any]
    answer: "asyncio.Future[tuple[Any, float, float]]"
    thread: "Future[None] | None" = None
    began: float | None = None
    given_up: bool = False


class WorkerPool:
    """
    Args:
        name: of the threads.
        workers: calls at once.
        hang_s: time after which a call counts as hanging. Waiting for a thread does not count.
        clock: that calls are timed by, in seconds.
    """

    def __init__(self, name: str, workers: int, hang_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._name = name
        self._workers = workers
        self._hang_s = hang_s
        self._clock = clock
        self._calls: set[_Call] = set()
        """Under way or waiting, whether or not somebody still waits for the answer."""
        self._threads = self._new_threads()
        self._watch: asyncio.Task[None] | None = None
        self.stuck = 0
        """Threads that have not come back yet."""

    async def run(self, work: Callable[[], R]) -> tuple[R, float, float]:
        """The result, when work on it began, and the seconds it took.

        Raises:
            TimeoutError: it hangs.
        """
        loop = asyncio.get_running_loop()
        if self._watch is None:
            self._watch = loop.create_task(self._look(), name=f"{self._name}-watch")
        call = _Call(work, loop.create_future())
        self._calls.add(call)
        self._submit(call, loop)
        try:
            return await call.answer
        finally:
            if call.began is None and call.thread is not None and call.thread.cancel():
                self._calls.discard(call)  # nobody waits for it any more, and no thread has taken it

    def _submit(self, call: _Call, loop: asyncio.AbstractEventLoop) -> None:
        call.thread = self._threads.submit(self._work, call, loop)

    def _work(self, call: _Call, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread."""
        call.began = began = self._clock()
        outcome: tuple[Any, BaseException | None]
        try:
            outcome = call.work(), None
        except BaseException as error:  # as an executor does: it belongs to whoever waits
            outcome = None, error
        loop.call_soon_threadsafe(self._done, call, *outcome, began, self._clock() - began)

    def _done(self, call: _Call, result: Any, error: BaseException | None, began: float, seconds: float) -> None:
        self._calls.discard(call)
        if call.given_up:
            self.stuck -= 1
        if call.answer.done():
            return
        if error is None:
            call.answer.set_result((result, began, seconds))
        else:
            call.answer.set_exception(error)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._hang_s / LOOKS)
            now = self._clock()
            hanging = [
                call
                for call in self._calls
                if not call.given_up and call.began is not None and now - call.began >= self._hang_s
            ]
            for call in hanging:
                self._give_up(call)
            if hanging:
                self._start_anew()

    def _give_up(self, call: _Call) -> None:
        call.given_up = True
        self.stuck += 1
        if not call.answer.done():
            call.answer.set_exception(TimeoutError(f"a call did not come back within {self._hang_s:g} s"))

    def _start_anew(self) -> None:
        """New threads, for those that hang and for what waits behind them; calls under way end where they are."""
        old, self._threads = self._threads, self._new_threads()
        for call in self._calls:
            if call.thread is not None and call.thread.cancel():
                self._submit(call, call.answer.get_loop())
        old.shutdown(wait=False)

    def _new_threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self._workers, thread_name_prefix=self._name)
