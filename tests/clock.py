"""Time that tests have in their hands: no machine is too slow for them, and none makes them wait."""

import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec

from izwi.capacity.simulation import clock

P = ParamSpec("P")


@dataclass
class Clock:
    """Goes when it is told to; seconds."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def in_simulated_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Waiting takes no time and is exact: for tests without sockets, threads and processes. One in which everybody
    waits for somebody else fails at once."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        clock.run(test(*args, **kwargs))

    return run
