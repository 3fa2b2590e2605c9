"""What may happen to a server and to the way there. Each fault strikes once per call and returns when it is over."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from loadtests.chaos.network import FaultProxy
from loadtests.chaos.scene import Scene
from loadtests.process import named, replicas

RECOVERY_LIMIT_S = 60.0
BLACKHOLE_S = 30.0
AWAY_S = 10.0

Strike = Callable[[Scene, FaultProxy], Awaitable[float]]


@dataclass(frozen=True)
class Fault:
    """One kind of bad luck.

    Args:
        strike: makes it happen; returns the monotonic time from which on a session may go on.
        pause_s: shortest and longest time between two strikes.
        bound_s: 95th percentile of the time until a session goes on that is promised; None where sockets survive.
    """

    name: str
    strike: Strike
    times: int
    pause_s: tuple[float, float]
    bound_s: float | None
    deploys: bool = False
    """It needs a server that was deployed by an operator: the first time that replaces everything."""
    target: str = "es"
    """Language that the streams are translated to."""
    speech: bool = False
    """Whether translations are spoken."""


async def reset(scene: Scene, network: FaultProxy) -> float:
    network.cut()
    return time.monotonic()


async def blackhole(scene: Scene, network: FaultProxy) -> float:
    """Nothing passes for a while, and nobody is told."""
    network.stall()
    await asyncio.sleep(BLACKHOLE_S)
    network.flow()
    return time.monotonic()


async def half_open(scene: Scene, network: FaultProxy) -> float:
    """The connections that are there never answer again; new ones work."""
    network.abandon()
    return time.monotonic()


def killing(deployment: str) -> Strike:
    """Kill one replica, and wait until there are as many as before: the fault is the loss of one, not of all."""

    async def kill(scene: Scene, network: FaultProxy) -> float:
        before = await asyncio.to_thread(replicas, scene.server.processes(), deployment)
        victim = random.choice(before)
        victim.kill()
        at = time.monotonic()
        while len(await asyncio.to_thread(_others, scene, deployment, victim)) < len(before):
            if time.monotonic() - at > RECOVERY_LIMIT_S:
                raise TimeoutError(f"no new replica of {deployment} within {RECOVERY_LIMIT_S:.0f} s")
            await asyncio.sleep(0.5)
        return at

    return kill


def without_redis(empty: bool) -> Strike:
    async def strike(scene: Scene, network: FaultProxy) -> float:
        await asyncio.to_thread(scene.redis.stop)
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(scene.redis.start, empty)
        return time.monotonic()

    return strike


async def proxy_killed(scene: Scene, network: FaultProxy) -> float:
    """HAProxy dies, and with it every connection; Serve starts another one."""
    for process in named(scene.server.processes(), "haproxy"):
        process.kill()
    return time.monotonic()


async def redeployed(scene: Scene, network: FaultProxy) -> float:
    """A new version of everything, as if the code had changed: Serve replaces every replica."""
    at = time.monotonic()
    scene.control.args = {**scene.control.args, "session_ttl_s": random.randrange(3000, 4000)}
    await scene.control.deploy()
    return at


async def model_swapped(scene: Scene, network: FaultProxy) -> float:
    """Another model for recognition by ``user_config``: the replica stays."""
    at = time.monotonic()
    small = scene.control.user_config.get("asr", {}).get("model") == "tiny.en"
    scene.control.user_config["asr"] = {"model": "base" if small else "tiny.en"}
    await scene.control.deploy()
    return at


async def scaled_down(scene: Scene, network: FaultProxy) -> float:
    """One ingress replica fewer, then one more again."""
    at, before = time.monotonic(), scene.control.ingresses
    for count in (before - 1, before):
        scene.control.ingresses = count
        await scene.control.deploy()
    return at


def _others(scene: Scene, deployment: str, victim: psutil.Process) -> list[psutil.Process]:
    return [one for one in replicas(scene.server.processes(), deployment) if one.pid != victim.pid]


FAULTS = (
    Fault("reset", reset, 50, (1.0, 3.0), 1.0),
    Fault("half-open", half_open, 5, (10.0, 12.0), None),
    Fault("blackhole", blackhole, 3, (6.0, 8.0), 1.0),
    Fault("ingress", killing("ingress"), 20, (2.0, 4.0), 5.0),
    Fault("asr", killing("asr"), 20, (2.0, 4.0), None),
    Fault("vad", killing("vad"), 20, (2.0, 4.0), None),
    Fault("mt", killing("mt"), 20, (2.0, 4.0), None),
    # English, because its voice is quick enough for four streams on two cores.
    Fault("tts", killing("tts"), 20, (2.0, 4.0), None, target="en", speech=True),
    Fault("proxy", proxy_killed, 5, (6.0, 8.0), None),
    Fault("scale-down", scaled_down, 5, (3.0, 5.0), None, deploys=True),
    Fault("model", model_swapped, 4, (3.0, 5.0), None, deploys=True),
    Fault("redeploy", redeployed, 3, (3.0, 5.0), None, deploys=True),
    Fault("redis", without_redis(empty=False), 3, (10.0, 12.0), None),
    Fault("redis-emptied", without_redis(empty=True), 3, (10.0, 12.0), None),
)
