"""Does it help to send a session's calls to the same replica each time? The figures behind Serve's usual router.

python -m loadtests.affinity --stages mt,tts
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import ray
import typer
from ray import serve
from ray.serve.config import RequestRouterConfig
from ray.serve.handle import DeploymentHandle

from deployments.asr.deployment import Asr
from deployments.mt.deployment import Mt
from deployments.tts.deployment import Tts
from deployments.vad.deployment import Vad
from graphs import environment
from graphs.placement import place
from izwi import logs
from izwi.audio import SAMPLE_RATE
from izwi.settings import Settings
from izwi.stage_settings import AsrSettings, Resources
from izwi.stages import AsrRequest, MtRequest, Samples, Timing, TtsRequest, VadRequest, VadState
from loadtests import corpus

HASHED = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
WARM_UP = 3
"""Calls of each session that do not count."""
CLAUSES = ("It was a bright cold day in April,", "and the clocks were striking thirteen.", "Nobody had told the birds.")
REPLICA_CPUS = 0.1

Ask = Callable[[DeploymentHandle, Samples, int], Awaitable[Timing]]


@dataclass(frozen=True)
class Stage:
    deployment: Any
    ask: Ask
    period_s: float
    """Between two calls of a session, as live sessions make them."""


@dataclass
class Took:
    """Milliseconds."""

    calls: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Of them, for a worker in the replica: what a router that sends too much to one of them makes longer."""


async def _vad(handle: DeploymentHandle, audio: Samples, turn: int) -> Timing:
    chunk = audio[turn * 1536 % SAMPLE_RATE :][:1536]
    return (await handle.remote([VadRequest(chunk, VadState())]))[0].timing


async def _asr(handle: DeploymentHandle, audio: Samples, turn: int) -> Timing:
    start = turn * SAMPLE_RATE // 2 % (len(audio) - 3 * SAMPLE_RATE)
    return (await handle.remote([AsrRequest(audio[start : start + 3 * SAMPLE_RATE], "en", final=False)]))[0].timing


async def _mt(handle: DeploymentHandle, audio: Samples, turn: int) -> Timing:
    return (await handle.remote(MtRequest(CLAUSES[turn % len(CLAUSES)], "en", "es"))).timing


async def _tts(handle: DeploymentHandle, audio: Samples, turn: int) -> Timing:
    pieces = handle.options(stream=True).remote(TtsRequest(CLAUSES[turn % len(CLAUSES)], "en"))
    timings = [piece.timing async for piece in pieces]
    return timings[0]


STAGES = {
    "vad": Stage(Vad, _vad, 0.1),
    "asr": Stage(Asr, _asr, 1.0),
    "mt": Stage(Mt, _mt, 1.0),
    "tts": Stage(Tts, _tts, 4.0),
}


async def _session(
    stage: Stage, handle: DeploymentHandle, audio: Samples, number: int, until: float, took: Took
) -> None:
    """One call after the other, each where it is due or as soon as the one before is answered."""
    rng = random.Random(number)
    due = time.perf_counter() + rng.uniform(0, stage.period_s)
    for turn in range(1_000_000):
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asked = time.perf_counter()
        if asked > until:
            return
        timing = await stage.ask(handle, audio, turn + number)
        if turn >= WARM_UP:
            took.calls.append(1000 * (time.perf_counter() - asked))
            took.waits.append(1000 * timing.queue_s)
        due = max(due + rng.uniform(0.8, 1.2) * stage.period_s, asked)


async def _measure(name: str, replicas: int, sessions: int, seconds: float, rounds: int) -> dict[str, Took]:
    """The two routers take turns, so that a machine that gets slower slows both."""
    stage = STAGES[name]
    audio = np.concatenate([clip.samples for clip in corpus.load(None)])
    settings = Settings(device="cpu", asr=AsrSettings(model="tiny.en", workers=1))
    placed = place(stage.deployment, Resources(cpus=REPLICA_CPUS, min_replicas=replicas, max_replicas=replicas))
    routers = {
        "usual": placed,
        "by session": placed.options(request_router_config=RequestRouterConfig(request_router_class=HASHED)),
    }
    handles = {
        router: serve.run(deployment.bind(settings), name=f"{name}-{number}", route_prefix=None)
        for number, (router, deployment) in enumerate(routers.items())
    }
    took = {router: Took() for router in routers}
    for _ in range(rounds):
        for router, handle in handles.items():
            until = time.perf_counter() + seconds
            bound = [handle.options(session_id=f"session-{n}") for n in range(sessions)]
            await asyncio.gather(*(_session(stage, one, audio, n, until, took[router]) for n, one in enumerate(bound)))
    for number in range(len(handles)):
        serve.delete(f"{name}-{number}")
    return took


def table(found: dict[str, dict[str, Took]]) -> str:
    lines = [
        "| stage | router | calls | answered after p50 / p95, ms | of it for a worker, p95, ms |",
        "|---|---|---|---|---|",
    ]
    for stage, routers in found.items():
        for router, took in routers.items():
            if not took.calls:
                lines.append(f"| {stage} | {router} | 0 | fewer --sessions or more --seconds show some | |")
                continue
            (p50, p95), waited = np.percentile(took.calls, (50, 95)), np.percentile(took.waits, 95)
            lines.append(f"| {stage} | {router} | {len(took.calls)} | {p50:.1f} / {p95:.1f} | {waited:.1f} |")
    return "\n".join(lines)


def main(
    stages: Annotated[str, typer.Option(help="Comma-separated, of: " + ", ".join(STAGES))] = ",".join(STAGES),
    replicas: Annotated[int, typer.Option(help="Of each stage.", min=2)] = 3,
    sessions: Annotated[int, typer.Option(help="At once.", min=1)] = 12,
    seconds: Annotated[float, typer.Option(help="Of each round with each router.", min=1)] = 10.0,
    rounds: Annotated[int, typer.Option(help="In turn.", min=1)] = 2,
) -> None:
    """Call stages as live sessions do, by Serve's usual router and by consistent hashing of the session.

    Example: python -m loadtests.affinity --stages mt --sessions 24
    """
    logs.configure("warning", human=True)
    wanted = [name.strip() for name in stages.split(",")]
    if unknown := set(wanted) - set(STAGES):
        raise typer.BadParameter(f"no such stage: {', '.join(sorted(unknown))}")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # Ray has been imported here: a token would come too late
    environment.prepare("python")
    local = {"address": "local", "_node_ip_address": "127.0.0.1", "include_dashboard": False}
    ray.init(**local, logging_level="warning", log_to_driver=False)
    try:
        serve.start(proxy_location="Disabled")
        found = {name: asyncio.run(_measure(name, replicas, sessions, seconds, rounds)) for name in wanted}
    finally:
        ray.shutdown()
    typer.echo(table(found))


if __name__ == "__main__":
    typer.run(main)
