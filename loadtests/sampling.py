"""What the server's processes, this client and everybody else use of the machine, process by process."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROLES = {
    "ProxyActor": "proxy",
    "ServeController": "controller",
    "HAProxyManager": "haproxy manager",
    "DashboardAgent": "dashboard agent",
    "graphs.launch": "launcher",
}
"""Ray's and our own titles in shorter words."""


@dataclass(frozen=True)
class ProcessSample:
    name: str
    """What the process is for; several processes may share it."""
    cpu_s: float
    """CPU seconds since it began."""
    rss_mb: float
    """Resident memory; pages shared with others count for each."""


Snapshot = dict[tuple[int, float], ProcessSample]
"""By process id and time of creation: ids are used again."""


@dataclass(frozen=True)
class Reading:
    at: float
    """`time.monotonic` seconds."""
    server: Snapshot
    client_cpu_s: float
    machine_cpu_s: float
    """Busy seconds of all cores since the machine began."""
    client_rss_mb: float = 0.0


@dataclass(frozen=True)
class Spent:
    """What was used between two readings, in percent of one core."""

    seconds: float
    server: dict[str, float]
    """By name of process."""
    client: float
    others: float
    """What neither the server nor the client used: on a quiet machine near 0."""

    @property
    def server_total(self) -> float:
        return sum(self.server.values())


def role(command: Sequence[str]) -> str:
    """A short name for a process with this command line (Ray puts a title in the place of its own).

    >>> role(["ray::ServeReplica:izwi:vad.handle_request"]), role(["python", "-m", "graphs.launch"])
    ('vad', 'launcher')
    """
    if not command or not command[0]:
        return "unnamed"
    program = command[0]
    if program.startswith("ray::"):
        name = program.removeprefix("ray::").split(".")[0].rpartition(":")[2]
    elif "redis-server" in program:  # its title has its socket behind its name
        name = "redis-server"
    else:
        name = Path(program).name
        if name.startswith("python"):
            name = _script(command[1:]) or name
    return ROLES.get(name, name)


def _script(arguments: Sequence[str]) -> str:
    for index, argument in enumerate(arguments):
        if argument == "-m" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.endswith(".py"):
            path = Path(argument)
            return f"{path.parent.name}/{path.stem}" if path.parent.name else path.stem
    return ""


def snapshot(processes: Iterable[psutil.Process]) -> Snapshot:
    """Of those that still live."""
    found: Snapshot = {}
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                memory = process.memory_info().rss / 1e6
                sample = ProcessSample(role(process.cmdline()), times.user + times.system, memory)
                found[process.pid, process.create_time()] = sample
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def read(server: Iterable[psutil.Process], clients: Iterable[psutil.Process]) -> Reading:
    """Read all meters now."""
    busy = psutil.cpu_times()
    own = snapshot(clients).values()
    return Reading(
        time.monotonic(),
        snapshot(server),
        sum(one.cpu_s for one in own),
        busy.user + busy.nice + busy.system + busy.irq + busy.softirq,
        sum(one.rss_mb for one in own),
    )


def spent(before: Reading, after: Reading) -> Spent:
    """What was used in between. A process that began in between counts in full, one that ended not at all."""
    seconds = after.at - before.at
    server: dict[str, float] = {}
    for key, sample in after.server.items():
        earlier = before.server[key].cpu_s if key in before.server else 0.0
        server[sample.name] = server.get(sample.name, 0.0) + 100 * (sample.cpu_s - earlier) / seconds
    client = 100 * (after.client_cpu_s - before.client_cpu_s) / seconds
    machine = 100 * (after.machine_cpu_s - before.machine_cpu_s) / seconds
    return Spent(seconds, server, client, max(0.0, machine - client - sum(server.values())))


def memory(processes: Snapshot) -> dict[str, float]:
    """Resident megabytes by name of process."""
    found: dict[str, float] = {}
    for sample in processes.values():
        found[sample.name] = found.get(sample.name, 0.0) + sample.rss_mb
    return found
