"""Which engine of a stage serves the next call: an ordered list with a circuit breaker per engine.

After `MAX_FAILURES` consecutive failures an engine is set aside; once `PROBE_AFTER_S` have passed, a single call
probes it, and success brings it back to its place. Time comes from an injected clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MAX_FAILURES = 3
"""Consecutive failures after which an engine is set aside: one may be bad input, three are a pattern."""
PROBE_AFTER_S = 30.0
"""Seconds before an engine set aside is tried again: about the time a model takes to reload."""


class Named(Protocol):
    @property
    def name(self) -> str: ...


E = TypeVar("E", bound=Named)


@dataclass
class _Health:
    failures: int = 0
    probe_at: float = 0.0


class Fallback(Generic[E]):
    """Orders engines for each call and learns from how the call went."""

    def __init__(self, engines: Sequence[E], clock: Callable[[], float]) -> None:
        self._engines = tuple(engines)
        self._clock = clock
        self._health = {engine.name: _Health() for engine in engines}

    def candidates(self, supports: Callable[[E], bool], prefers: Callable[[E], bool] = lambda _: False) -> list[E]:
        """Engines to try for one call, in order; engines set aside come last unless a probe is due.

        Args:
            supports: others are left out.
            prefers: comes before the others, whatever the order of the list.
        """
        now = self._clock()
        first: list[E] = []
        last: list[E] = []
        for engine in self.ranked(supports, prefers):
            health = self._health[engine.name]
            if health.failures < MAX_FAILURES:
                first.append(engine)
            elif now >= health.probe_at:
                health.probe_at = now + PROBE_AFTER_S  # this call is the probe; others keep away until it is over
                first.append(engine)
            else:
                last.append(engine)
        return first + last

    def ranked(self, supports: Callable[[E], bool], prefers: Callable[[E], bool] = lambda _: False) -> list[E]:
        """The same if all engines work."""
        return sorted(filter(supports, self._engines), key=lambda engine: not prefers(engine))

    def succeeded(self, engine: E) -> None:
        self._health[engine.name].failures = 0

    def failed(self, engine: E) -> None:
        health = self._health[engine.name]
        health.failures += 1
        if health.failures >= MAX_FAILURES:
            health.probe_at = self._clock() + PROBE_AFTER_S
