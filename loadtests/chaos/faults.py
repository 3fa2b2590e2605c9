"""What may happen to a server and to the way there. Each fault strikes once per call and returns when it is over."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from loadtests.chaos.network import FaultProxy
from loadtests.chaos.redis_server import RedisServer
from loadtests.server import Server

RECOVERY_LIMIT_S = 60.0
BLACKHOLE_S = 30.0
AWAY_S = 10.0


@dataclass(frozen=True)
class Scene:
    """What a fault may break."""

    server: Server
    network: FaultProxy
    redis: RedisServer


@dataclass(frozen=True)
class Fault:
    """One kind of bad luck.

    Args:
        strike: makes it happen; returns the monotonic time from which on a session may go on.
        pause_s: shortest and longest time between two strikes.
        bound_s: 95th percentile of the time until a session goes on that is promised; None where sockets survive.
    """

    name: str
    strike: Callable[[Scene], Awaitable[float]]
    times: int
    pause_s: tuple[float, float]
    bound_s: float | None


async def reset(scene: Scene) -> float:
    scene.network.cut()
    return time.monotonic()


async def blackhole(scene: Scene) -> float:
    """Nothing passes for a while, and nobody is told."""
    scene.network.stall()
    await asyncio.sleep(BLACKHOLE_S)
    scene.network.flow()
    return time.monotonic()


async def half_open(scene: Scene) -> float:
    """The connections that are there never answer again; new ones work."""
    scene.network.abandon()
    return time.monotonic()


def killing(deployment: str) -> Callable[[Scene], Awaitable[float]]:
    """Kill one replica, and wait until there are as many as before: the fault is the loss of one, not of all."""

    async def kill(scene: Scene) -> float:
        before = await asyncio.to_thread(replicas, scene.server, deployment)
        victim = random.choice(before)
        victim.kill()
        at = time.monotonic()
        while len(await asyncio.to_thread(_serving, scene.server, deployment, victim)) < len(before):
            if time.monotonic() - at > RECOVERY_LIMIT_S:
                raise TimeoutError(f"no new replica of {deployment} within {RECOVERY_LIMIT_S:.0f} s")
            await asyncio.sleep(0.5)
        return at

    return kill


def without_redis(empty: bool) -> Callable[[Scene], Awaitable[float]]:
    async def strike(scene: Scene) -> float:
        await asyncio.to_thread(scene.redis.stop)
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(scene.redis.start, empty)
        return time.monotonic()

    return strike


def replicas(server: Server, deployment: str) -> list[psutil.Process]:
    """Processes that serve a deployment now."""
    title = f"ray::ServeReplica:izwi:{deployment}"
    found: list[psutil.Process] = []
    for process in server.processes():
        try:
            if " ".join(process.cmdline()).startswith(title):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _serving(server: Server, deployment: str, victim: psutil.Process) -> list[psutil.Process]:
    return [one for one in replicas(server, deployment) if one.pid != victim.pid]


FAULTS = (
    Fault("reset", reset, 50, (1.0, 3.0), 1.0),
    Fault("half-open", half_open, 5, (10.0, 12.0), None),
    Fault("blackhole", blackhole, 3, (6.0, 8.0), 1.0),
    Fault("ingress", killing("ingress"), 20, (2.0, 4.0), 5.0),
    Fault("asr", killing("asr"), 20, (2.0, 4.0), None),
    Fault("vad", killing("vad"), 20, (2.0, 4.0), None),
    Fault("mt", killing("mt"), 20, (2.0, 4.0), None),
    Fault("tts", killing("tts"), 20, (2.0, 4.0), None),
    Fault("redis", without_redis(empty=False), 3, (10.0, 12.0), None),
    Fault("redis-emptied", without_redis(empty=True), 3, (10.0, 12.0), None),
)
