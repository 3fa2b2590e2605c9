"""What the server, this process and everybody else use while users are at work.

The server is looked at by a process of its own: reading the meters of dozens of processes takes tenths of a second of
Python, during which senders beside it in the same interpreter would be late.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from loadtests.sampling import memory, read, spent
from loadtests.server import Server
from loadtests.swarm.notes import Notes

EVERY_S = 5.0
PROBE_S = 0.05


@dataclass(frozen=True)
class Use:
    """Between two looks; CPU in cores, memory in MB."""

    at_s: float
    """Since the beginning."""
    users: int
    server: float | None
    """None where its processes are not known."""
    others: float
    """What neither the server nor the load generator here used."""
    rss: dict[str, float]
    """Of the server, by name of process."""


async def watch_server(server: Server, began: float, users: Callable[[], int], found: list[Use]) -> None:
    """Take what the process tells, until cancelled."""
    root = [] if server.root is None else [str(server.root.pid)]
    command = [sys.executable, "-m", "loadtests.swarm.meters", str(os.getpid()), *root]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        async for line in process.stdout or ():
            found.append(Use(time.time() - began, users(), **json.loads(line)))
    finally:
        process.kill()
        await process.wait()


def tell(client: psutil.Process, server: Server) -> None:
    """A line of JSON every few seconds, for as long as anybody reads."""
    clients = [client, psutil.Process()]
    before = read(server.processes(), clients)
    while True:
        time.sleep(EVERY_S)
        now = read(server.processes(), clients)
        used = spent(before, now)
        cores = used.server_total / 100 if now.server else None
        print(json.dumps({"server": cores, "others": used.others / 100, "rss": memory(now.server)}), flush=True)
        before = now


async def watch_self(notes: Notes) -> None:
    """How late this process's loop wakes up, and what CPU the process uses; until cancelled."""
    process = psutil.Process()
    process.cpu_percent()
    while True:
        worst, until = 0.0, time.monotonic() + EVERY_S
        while time.monotonic() < until:
            due = time.monotonic() + PROBE_S
            await asyncio.sleep(PROBE_S)
            worst = max(worst, time.monotonic() - due)
        notes.times("loop_lag", [worst])
        notes.times("cpu", [process.cpu_percent() / 100])


if __name__ == "__main__":
    os.setpriority(os.PRIO_PROCESS, 0, 0)  # it was started by one that goes before all others
    pids = [psutil.Process(int(pid)) for pid in sys.argv[1:]]
    tell(pids[0], Server("", pids[1] if len(pids) > 1 else None))
