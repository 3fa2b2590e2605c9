"""Jobs with everything real but the models: redis-server, the decoder's process, the disk, HTTP routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI, Request

from deployments.ingress import envelope
from deployments.ingress.jobs import build_router
from deployments.ingress.metrics import Metrics
from deployments.ingress.middleware import RequestContext
from deployments.jobs.jobs import Jobs, build
from deployments.llm.client import LlmClient
from deployments.media.forks import Forks
from deployments.store.embedded import EmbeddedRedis
from deployments.store.hotword_lists import HotwordLists
from deployments.store.jobs import JobStore
from deployments.store.link import RedisLink
from izwi.audio import SAMPLE_RATE, write_wav
from izwi.errors import EngineFailed, IzwiError
from izwi.files.hearing import Ears
from izwi.job_settings import JobSettings
from izwi.keys import Principal, Scope
from izwi.segmenter import FRAME
from izwi.settings import Settings
from izwi.stage_settings import LlmSettings
from izwi.stages import (
    AsrRequest,
    AsrResult,
    Capabilities,
    MtRequest,
    MtResult,
    SpeakerRequest,
    SpeakerResult,
    Timing,
    VadRequest,
    VadResult,
    VadState,
    Word,
)
from tests.clock import Clock

TIMING = Timing("scripted", queue_s=0.001, compute_s=0.002)
SCALE = 400
"""Samples hold their own time in seconds, plus one, by this; it outlives 16 bits to a frame."""
TALK = ((0, 47), (47.1, 80), (82, 90), (91, 100))
"""Who talks on and on, then with pauses."""


def recording(path: Path, seconds: float = 104.0, spans: tuple[tuple[float, float], ...] = TALK) -> Path:
    """Samples are positive where somebody speaks."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    speech = np.any([(times >= start) & (times < end) for start, end in spans], axis=0)
    samples = np.where(speech, 1, -1) * (times + 1) / SCALE
    write_wav(path, np.round(samples * 32767).astype(np.int16), SAMPLE_RATE)
    return path


@dataclass
class Scripted:
    """Stages of a world in which people count, a number every half second."""

    language: str = "en"
    error: Callable[[int], IzwiError | None] = lambda _: None
    """What the n-th recognition raises."""
    hold: asyncio.Event | None = None
    """Recognitions wait for it..."""
    free: int = 3
    """...but for the first ones."""
    asked: list[AsrRequest] = field(default_factory=list)

    def ears(self) -> Ears:
        return Ears(self.vad, self.asr)

    async def vad(self, request: VadRequest) -> VadResult:
        frames = request.samples.reshape(-1, FRAME)
        return VadResult(tuple(float((frame > 0).mean()) for frame in frames), VadState(), TIMING)

    async def asr(self, request: AsrRequest) -> AsrResult:
        self.asked.append(request)
        number = len(self.asked)
        if (error := self.error(number)) is not None:
            raise error
        if self.hold is not None and number > self.free:
            await self.hold.wait()
        frame_s = FRAME / SAMPLE_RATE
        start = round((abs(float(request.samples[0])) * SCALE - 1) / frame_s) * frame_s
        end = start + len(request.samples) / SAMPLE_RATE
        words = tuple(
            Word(f" {half}", half / 2 - start, half / 2 + 0.4 - start, 0.9)
            for half in range(int(np.ceil(start * 2 - 1e-3)), int(end * 2) + 1)
            if half / 2 + 0.4 <= end and request.samples[int((half / 2 + 0.2 - start) * SAMPLE_RATE)] > 0
        )
        return AsrResult(words, self.language, 1.0, TIMING)

    async def mt(self, request: MtRequest) -> MtResult:
        return MtResult(f"<{request.target}> {request.text}", TIMING)

    async def speakers(self, request: SpeakerRequest) -> SpeakerResult:
        """One voice until the 50th second, another one after it."""
        late = [abs(float(window[0])) * SCALE - 1 > 50 for window in request.windows]
        return SpeakerResult(tuple(np.array([not one, one], np.float32) for one in late), TIMING)

    async def capabilities(self) -> dict[str, Capabilities]:
        pairs = frozenset({("en", "es")})
        return {
            "asr": Capabilities(engines=("scripted",), languages=frozenset({"en", "de"})),
            "mt": Capabilities(pairs=pairs),
        }


class ByHeader:
    """In the place of keys."""

    def needs(self, scope: Scope) -> Callable[[Request], Any]:
        async def check(request: Request) -> Principal:
            return Principal(name=request.headers.get("x-who", "clinic"))

        return check


@dataclass
class Replica:
    jobs: Jobs
    client: httpx.AsyncClient
    stages: Scripted

    async def die(self) -> None:
        """As by SIGKILL: nothing is given back."""
        for task in self.jobs.runner._tasks:
            task.cancel()
        await asyncio.gather(*self.jobs.runner._tasks, return_exceptions=True)

    async def submit(self, file: Path, **data: Any) -> dict[str, Any]:
        response = await self.client.post("/v1/jobs", files={"file": (file.name, file.read_bytes())}, data=data)
        assert response.status_code == 202, response.text
        return response.json()

    async def until(self, job_id: str, test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while not test(job := (await self.client.get(f"/v1/jobs/{job_id}")).json()):
                await asyncio.sleep(0.02)
        return job

    async def over(self, job_id: str) -> dict[str, Any]:
        return await self.until(job_id, lambda job: job["status"] in ("done", "failed", "cancelled"))

    async def text(self, job_id: str, **params: str) -> str:
        response = await self.client.get(f"/v1/jobs/{job_id}/result", params={"format": "text", **params})
        assert response.status_code == 200, response.text
        return response.text.strip()


@asynccontextmanager
async def replica(
    redis: EmbeddedRedis,
    spool: Path,
    stages: Scripted,
    clock: Clock | None = None,
    model: LlmSettings | None = None,
    **settings: Any,
) -> AsyncIterator[Replica]:
    async def resolve() -> str:
        return redis.url

    wanted = Settings(jobs=JobSettings(spool_dir=spool, free_bytes=0, **settings))
    link, metrics = RedisLink(resolve), Metrics()
    store = JobStore(link, wanted.jobs.ttl_s, clock) if clock else JobStore(link, wanted.jobs.ttl_s)
    llm = LlmClient(model or wanted.llm)
    forks = Forks()
    jobs = build(wanted, store, stages, metrics, llm, forks)  # type: ignore[arg-type]
    app = FastAPI()
    app.add_middleware(RequestContext, metrics=metrics)
    envelope.add_handlers(app)
    app.include_router(build_router(jobs, ByHeader(), HotwordLists(link)))  # type: ignore[arg-type]
    jobs.runner.start()
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://izwi", timeout=60) as client:
            yield Replica(jobs, client, stages)
    finally:
        await jobs.runner.stop()
        forks.close()
        await llm.close()
        await link.close()


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def spooled(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def broken(*, after: int) -> Any:
    return lambda number: EngineFailed("the recogniser is gone") if number > after else None


async def undisturbed(redis: EmbeddedRedis, folder: Path, talk: Path) -> dict[str, Any]:
    async with replica(redis, folder, Scripted()) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        await one.over(job["id"])
        return (await result(one, job["id"])).json()


async def result(one: Replica, job_id: str, form: str = "verbose_json") -> Any:
    return await one.client.get(f"/v1/jobs/{job_id}/result", params={"format": form})
