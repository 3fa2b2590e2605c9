"""What the server, this process and everybody else use while users are at work."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from loadtests.sampling import memory, spent
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
    """What neither the server nor this process used."""
    rss: dict[str, float]
    """Of the server, by name of process."""


async def watch_server(server: Server, began: float, users: Callable[[], int], found: list[Use]) -> None:
    """Look every few seconds, until cancelled."""
    before = await server.read_aside()
    while True:
        await asyncio.sleep(EVERY_S)
        now = await server.read_aside()
        used = spent(before, now)
        cores = used.server_total / 100 if now.server else None
        found.append(Use(time.time() - began, users(), cores, used.others / 100, memory(now.server)))
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
