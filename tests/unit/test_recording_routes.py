"""Routes that take a recording, with a decoder and a recogniser that are scripted."""

import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from deployments.ingress import envelope, whisper
from deployments.ingress import transcribe as transcribe_route
from deployments.ingress.listener import Listener
from deployments.ingress.openai import transcriptions
from izwi.errors import DamagedAudio, EngineFailed, IzwiError, Overloaded, UnsupportedAudio
from izwi.files.hearing import Ears
from izwi.keys import Principal
from izwi.segmenter import FRAME
from izwi.stage_settings import VadSettings
from izwi.stages import (
    AsrRequest,
    AsrResult,
    Capabilities,
    MtRequest,
    MtResult,
    Samples,
    Timing,
    VadRequest,
    VadResult,
    VadState,
    Word,
)

TIMING = Timing("scripted")
SPEECH = np.repeat([1.0, 0.0] * 3, 3 * 16_000).astype(np.float32)
"""Three utterances of three seconds."""


@dataclass
class World:
    """Stages, and the decoder before them."""

    max_seconds = 60.0
    refused: IzwiError | None = None
    """Instead of any audio."""
    damage: IzwiError | None = None
    """After all of it."""
    fails_at: int | None = None
    """Recognition that fails."""
    heard: list[AsrRequest] = field(default_factory=list)

    async def decode(self, _: object) -> AsyncGenerator[Samples]:
        if self.refused is not None:
            raise self.refused
        yield SPEECH
        if self.damage is not None:
            raise self.damage

    def ears(self) -> Ears:
        return Ears(self.vad, self.asr)

    async def vad(self, request: VadRequest) -> VadResult:
        frames = request.samples.reshape(-1, FRAME)
        return VadResult(tuple(float(frame.mean()) for frame in frames), VadState(), TIMING)

    async def asr(self, request: AsrRequest) -> AsrResult:
        self.heard.append(request)
        if self.fails_at == len(self.heard):
            raise EngineFailed("no asr engine could serve this request")
        return AsrResult((Word(" House.", 0.5, 1.0, 0.9),), "en", 1.0, TIMING)

    async def mt(self, request: MtRequest) -> MtResult:
        return MtResult(request.text, TIMING)

    async def capabilities(self) -> dict[str, Capabilities]:
        return {"asr": Capabilities(engines=("whisper-base",)), "mt": Capabilities()}


@dataclass
class Lists:
    async def gather(self, owner: Principal, words: list[str], names: list[str]) -> tuple[str, ...]:
        return tuple(words)


class Everybody:
    def needs(self, _: object) -> Callable[[], Principal]:
        return lambda: Principal(name="clinic")


def application(world: World) -> Any:
    app = FastAPI()
    envelope.add_handlers(app)
    settings = SimpleNamespace(vad=VadSettings())
    services: Any = SimpleNamespace(access=Everybody(), calls=world, settings=settings, hotwords=Lists())
    listener = Listener(world, VadSettings(), world)  # type: ignore[arg-type]
    app.include_router(transcriptions.build_router(listener, services))
    app.include_router(whisper.build_router(listener))
    app.include_router(transcribe_route.build_router(listener, services))

    async def numbered(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = "r1"
        await app(scope, receive, send)

    return numbered


async def post(world: World, url: str, name: str = "file", **data: Any) -> httpx.Response:
    transport = httpx.ASGITransport(application(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=20) as client:
        return await client.post(url, files={name: ("a.wav", b"audio")}, data=data)


async def transcribe(world: World, **data: Any) -> httpx.Response:
    return await post(world, "/v1/audio/transcriptions", **data)


async def asr(world: World, query: str = "") -> httpx.Response:
    return await post(world, f"/asr?{query}", "audio_file")


async def test_the_form_of_everything_tells_of_it_too() -> None:
    cut = await post(World(damage=DamagedAudio("the file is damaged")), "/api/v1/transcribe")
    assert (cut.status_code, cut.headers["X-Izwi-Warning"]) == (200, "damaged_audio")
    assert cut.json()["warning"]["code"] == "damaged_audio"


@pytest.mark.parametrize("output", ["txt", "srt", "vtt", "tsv", "json"])
async def test_asr_tells_of_a_recording_that_is_cut_off(output: str) -> None:
    whole = await asr(World(), f"output={output}")
    assert (whole.status_code, "X-Izwi-Warning" in whole.headers) == (200, False)
    cut = await asr(World(damage=DamagedAudio("the file is damaged")), f"output={output}")
    assert (cut.status_code, cut.headers["X-Izwi-Warning"]) == (200, "damaged_audio")
    if output == "json":
        assert cut.json()["warning"] == {"code": "damaged_audio", "message": "the file is damaged"}
        assert "warning" not in whole.json()


@pytest.mark.parametrize(
    ("world", "status", "code"),
    [
        (World(refused=UnsupportedAudio("not audio")), 415, "unsupported_audio"),
        (World(refused=Overloaded("too many files wait")), 503, "overloaded"),
        (World(fails_at=1), 503, "engine_failed"),
    ],
)
async def test_a_stream_that_fails_before_its_first_event_has_a_status(world: World, status: int, code: str) -> None:
    response = await transcribe(world, stream="true")
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert ("Retry-After" in response.headers) == (code == "overloaded")


def events(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]


async def test_a_stream_that_fails_later_ends_with_an_error() -> None:
    first, *_, last = events(await transcribe(World(fails_at=3), stream="true", language="en"))
    assert (first["type"], first["delta"]) == ("transcript.text.delta", "House.")
    assert (last["type"], last["error"]["code"]) == ("error", "engine_failed")


async def test_a_stream_tells_everything_of_a_recording_that_is_cut_off() -> None:
    world = World(damage=DamagedAudio("the file is damaged"))
    done = events(await transcribe(world, stream="true"))[-1]
    assert (done["type"], done["text"]) == ("transcript.text.done", "House. House. House.")
    assert done["warning"]["code"] == "damaged_audio"


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({"stream": "true", "response_format": "srt"}, "stream"),
        ({"stream": "true", "response_format": "vtt"}, "stream"),
        ({"stream": "true", "response_format": "verbose_json"}, "stream"),
        ({"stream": "true", "timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ({"timestamp_granularities[]": ["segment", "word"], "response_format": "text"}, "timestamp_granularities"),
    ],
)
async def test_what_would_have_no_effect_is_refused_by_name(data: dict[str, Any], param: str) -> None:
    world = World()
    response = await transcribe(world, **data)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert world.heard == []


@pytest.mark.parametrize(
    "data",
    [
        {"response_format": "json", "timestamp_granularities[]": "segment", "temperature": "0"},
        {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]},
        {"stream": "true", "response_format": "json"},
        {"stream": "true", "response_format": "text"},
        {"stream": "false", "response_format": "srt"},
    ],
)
async def test_what_clients_send_by_default_is_taken(data: dict[str, Any]) -> None:
    assert (await transcribe(World(), **data)).status_code == 200


async def test_asr_refuses_words_of_a_translation_by_name_and_takes_what_clients_send() -> None:
    response = await asr(World(), "task=translate&word_timestamps=true&output=json")
    assert (response.status_code, response.json()["error"]["param"]) == (400, "word_timestamps")
    for query in (
        "encode=true&task=transcribe&language=en&vad_filter=false&word_timestamps=false&output=json",
        "encode=true&task=translate&word_timestamps=false&output=srt",
        "task=transcribe&word_timestamps=true&output=srt",
    ):
        assert (await asr(World(), query)).status_code == 200
