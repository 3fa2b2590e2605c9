"""How much of the CPU that a replica reserves it uses: what the CPU rule scales by."""

import time
from collections.abc import Callable

import psutil


class CpuShare:
    """
    Args:
        cpus: what the replica reserves; 0 counts as one core.
        clock: monotonic seconds.
        read: CPU seconds used so far.
    """

    def __init__(
        self,
        cpus: float,
        clock: Callable[[], float] = time.monotonic,
        read: Callable[[], float] = lambda: family_cpu_s(),
    ) -> None:
        self._cpus = cpus or 1.0
        self._clock = clock
        self._read = read
        self._at, self._used = clock(), read()

    def measure(self) -> float:
        """The share used since the last time; above 1 where a replica uses more than it reserves, as Ray lets it."""
        at, used = self._clock(), self._read()
        share = max(0.0, used - self._used) / max(at - self._at, 1e-3) / self._cpus
        self._at, self._used = at, used
        return share


def family_cpu_s() -> float:
    """CPU seconds of this process and those below it, which do the work of some engines; of those that have ended as
    well."""
    me = psutil.Process()
    seconds = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds
