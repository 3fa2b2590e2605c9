"""What a server process and everything below it uses."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    cpu_s: float
    """CPU seconds since each process began."""
    rss_mb: float


def usage(root: psutil.Process) -> Usage:
    """Of a process and all its descendants that still live."""
    cpu = rss = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            rss += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Usage(cpu, rss / 1e6)
