"""What processes use of the machine."""

from collections.abc import Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    cpu_s: float
    """CPU seconds since each process began."""
    rss_mb: float
    """Resident memory, summed: what processes share counts once for each."""


def usage(processes: Sequence[psutil.Process]) -> Usage:
    """Of those processes that still live."""
    cpu = rss = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            rss += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Usage(cpu, rss / 1e6)


def family(pid: int | None) -> list[psutil.Process]:
    """A process and everything below it; None stands for everything below this one, but not this one itself."""
    root = psutil.Process(pid)
    return root.children(recursive=True) if pid is None else [root, *root.children(recursive=True)]
