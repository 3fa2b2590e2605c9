"""One answer for all who ask within a second: a crowd that comes at once must not keep the stages from their work."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

SHARED_S = 1.0
"""For how long an answer, or the way to it, is shared."""


class Shared(Generic[T]):
    """
    Args:
        ask: gets the answer.
    """

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._ask = ask
        # Serve cancels the calls begun in the context of a request when that request ends; these are for others, too.
        self._context = contextvars.copy_context()
        self._asking: asyncio.Task[T] | None = None
        self._asked_at = 0.0
        self.counts = (0, 0)
        """Answers that were shared, and asked for."""

    async def get(self) -> T:
        """The answer; raises what ``ask`` raises. Whoever is cancelled here leaves the others their answer."""
        now = asyncio.get_running_loop().time()
        shared, asked = self.counts
        if self._asking is None or now >= self._asked_at + SHARED_S:
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask(), context=self._context)
            self.counts = (shared, asked + 1)
        else:
            self.counts = (shared + 1, asked)
        return await asyncio.shield(self._asking)
