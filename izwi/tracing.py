"""Which trace the work at hand is part of.

The steps of a session and the handlers of requests say so, and whoever makes spans, if anybody does, looks it up: what
lies between need not pass it on. Each step is a task of its own, so that none sees what another has set.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol


class Trace(Protocol):
    """That of an utterance, or of a request."""

    @property
    def id(self) -> str:
        """32 hex digits, see https://www.w3.org/TR/trace-context/."""
        ...

    def end(self) -> None:
        """The final transcript has been told. What is still to be translated and said remains part of it."""
        ...


current: ContextVar[Trace | None] = ContextVar("izwi-trace", default=None)

Begin = Callable[[int], Trace | None]
"""Begins the trace of an utterance, by its number; None where it is not traced."""


def untraced(utterance: int) -> None:
    return None
