"""An asyncio loop in a thread of its own, for all users of a process, and the bridge to it from Locust's greenlets.

Locust's greenlets share one thread with its statistics, its messages and the report; a sender of live audio among them
would be late whenever one of those takes long. In its own thread it waits for the interpreter's lock at most.
"""

import asyncio
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import gevent
from gevent.event import Event

T = TypeVar("T")


SWITCH_S = 0.0005
"""For which a thread may keep the interpreter's lock while another one wants it. Each send gives the lock away: with
Python's 5 ms, a busy greenlet lets two hundred chunks a second through."""


class LoopThread:
    """Started at once; ends with the process."""

    def __init__(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        self._loop = asyncio.new_event_loop()
        self._expecting = gevent.get_hub().loop.async_()  # gevent must not think that nothing can happen any more
        self._expecting.start(lambda: None)
        threading.Thread(target=self._loop.run_forever, name="users", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Called from a greenlet, which waits; one that is killed takes its work with it."""
        hub, done = gevent.get_hub(), Event()
        future = self.start(work)
        future.add_done_callback(lambda _: hub.loop.run_callback_threadsafe(done.set))
        try:
            done.wait()
        finally:
            future.cancel()  # does nothing to what is done
        return future.result()

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Let it run."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, what: Any, *arguments: Any) -> None:
        """Call a function in the loop's thread, soon."""
        self._loop.call_soon_threadsafe(what, *arguments)
