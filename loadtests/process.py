"""What processes use of the machine, and who comes first on it."""

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
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


GO_FIRST = -10
"""Niceness of clients that speak: real ones are on machines of their own, and never late because the server is busy."""


@contextmanager
def going_first() -> Generator[None]:
    """Let this thread run before the server's processes, as far as this user may (root may).

    The server must have been started before, or its processes would inherit it.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, min(before, GO_FIRST))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def replicas(processes: Iterable[psutil.Process], deployment: str) -> list[psutil.Process]:
    """Those that serve a deployment."""
    title = f"ray::ServeReplica:izwi:{deployment}"
    return [one for one in processes if _of(one, lambda process: " ".join(process.cmdline()).startswith(title))]


def named(processes: Iterable[psutil.Process], name: str) -> list[psutil.Process]:
    """Those of that name."""
    return [one for one in processes if _of(one, lambda process: process.name() == name)]


def _of(process: psutil.Process, test: Callable[[psutil.Process], bool]) -> bool:
    try:
        return test(process)
    except psutil.NoSuchProcess:
        return False
