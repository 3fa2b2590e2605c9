"""What live speech asks of this replica and of the recogniser; deployments/scaling.py adds up what replicas report."""

import asyncio
import time
from collections.abc import Callable

from deployments.cpu_share import CpuShare
from deployments.ingress.calls import StageCalls
from deployments.ingress.registry import Registry


class LiveLoad:
    """
    Args:
        calls_s: `StageCalls.live_calls_s`.
        speakers: `Registry.speakers`.
    """

    def __init__(
        self,
        calls_s: Callable[[], float],
        speakers: Callable[[], list[float]],
        cpu: CpuShare,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls_s = calls_s
        self._speakers = speakers
        self._cpu = cpu
        self._clock = clock
        self._at, self._spent = clock(), 0.0

    @classmethod
    def of(cls, calls: StageCalls, registry: Registry, cpus: float) -> "LiveLoad":
        return cls(lambda: calls.live_calls_s, registry.speakers, CpuShare(cpus))

    async def measure(self) -> dict[str, float]:
        """Since the last time:

        - ``speakers``: sessions in which somebody speaks now; ``stretched``: the sum of their `Session.stretch`;
        - ``recognising``: recognition calls for live speech under way, in the mean;
        - ``cpu``: see `CpuShare`.
        """
        at, spent, stretches = self._clock(), self._calls_s(), self._speakers()
        recognising = (spent - self._spent) / max(at - self._at, 1e-3)
        self._at, self._spent = at, spent
        return {
            "speakers": len(stretches),
            "stretched": sum(stretches),
            "recognising": recognising,
            "cpu": await asyncio.to_thread(self._cpu.measure),
        }
