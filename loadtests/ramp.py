"""One run of the ramp: so many speakers talk to a server at the same time, and what came of it."""

import asyncio
import gc
import random
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from izwi.messages import SessionStart
from loadtests import corpus
from loadtests.corpus import Clip
from loadtests.figures import Cost, figures
from loadtests.process import Usage, family, usage
from loadtests.reference import Reference
from loadtests.speaker import Heard, speak

STAGGER_S = 2.0
"""Speakers begin within this time, so that their passes do not fall together."""
PROBE_S = 0.05


@dataclass(frozen=True)
class Target:
    """The server under test."""

    url: str
    """``http://`` or ``ws://``, the path may be left out."""
    protocol: str = "izwi"
    private: bool = False
    """It was started by this process, so that everything below this process belongs to it."""
    pid: int | None = None
    """Of a server that runs elsewhere on this machine, for its CPU and memory."""

    @property
    def socket(self) -> str:
        """Its WebSocket address."""
        return self.url.replace("http", "ws", 1) if self.url.startswith("http") else self.url

    @property
    def metrics(self) -> str:
        """Where Izwi tells its figures."""
        parts = urlsplit(self.socket)
        return f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}/metrics"

    def usage(self) -> Usage | None:
        """None where it is not known which processes are the server's."""
        return usage(family(self.pid)) if self.private or self.pid is not None else None


@dataclass(frozen=True)
class Speech:
    """What speakers say, and in which direction it is translated."""

    source: str
    target: str | None
    clips: list[Clip]
    references: dict[str, Reference]

    @property
    def direction(self) -> str:
        return f"{self.source}-{self.target}" if self.target else self.source


async def run(target: Target, speech: Speech, speakers: int, seconds: float, seed: int) -> dict[str, Any]:
    """Let ``speakers`` talk for ``seconds`` each; returns the run's figures."""
    scripts = [corpus.script(speech.clips, seconds, seed * 1000 + number) for number in range(speakers)]
    audio = [corpus.render(placed) for placed in scripts]
    start = SessionStart(source_language=speech.source, target_language=speech.target)
    source = random.Random(seed)
    lag = _Lag()
    probe = asyncio.create_task(lag.watch())
    gc.collect()
    gc.freeze()  # a collection of everything that is there takes tenths of a second, in which chunks would leave late
    before, began = await _meters(target), time.monotonic()

    async def one(number: int) -> Heard:
        await asyncio.sleep(source.uniform(0, STAGGER_S))
        return await speak(target.socket, start, audio[number], Heard(), target.protocol)

    heard = await asyncio.gather(*(one(number) for number in range(speakers)))
    wall = time.monotonic() - began
    probe.cancel()
    cost = _cost(before, await _meters(target), wall, lag.most_s)
    return {"direction": speech.direction, **figures(scripts, heard, speech.references, speech.source, cost)}


class _Lag:
    """How late this process's event loop wakes up: what it measures is no better than that."""

    def __init__(self) -> None:
        self.most_s = 0.0

    async def watch(self) -> None:
        while True:
            due = time.monotonic() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self.most_s = max(self.most_s, time.monotonic() - due)


@dataclass(frozen=True)
class _Meters:
    own: Usage
    server: Usage | None
    compute_s: float
    passes: float


async def _meters(target: Target) -> _Meters:
    compute, passes = await _asr(target.metrics) if target.protocol == "izwi" else (0.0, 0.0)
    return _Meters(usage([psutil.Process()]), target.usage(), compute, passes)


def _cost(before: _Meters, after: _Meters, wall: float, lag: float) -> Cost:
    served = before.server is not None and after.server is not None
    return Cost(
        bench_cores=(after.own.cpu_s - before.own.cpu_s) / wall,
        client_lag_s=lag,
        cpu_cores=(after.server.cpu_s - before.server.cpu_s) / wall if served else None,  # type: ignore[union-attr]
        rss_mb=after.server.rss_mb if served else None,  # type: ignore[union-attr]
        asr_s=after.compute_s - before.compute_s,
        asr_passes=after.passes - before.passes,
    )


async def _asr(url: str) -> tuple[float, float]:
    """Seconds computed and passes made by recognition so far."""
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        text = (await client.get(url)).text
    sums = [0.0, 0.0]
    for line in text.splitlines():
        for index, suffix in enumerate(("sum", "count")):
            if line.startswith(f"izwi_stage_compute_seconds_{suffix}{{") and 'stage="asr"' in line:
                sums[index] += float(line.rsplit(" ", 1)[1])
    return sums[0], sums[1]
