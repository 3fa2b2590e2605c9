"""What becomes of speech that fails or is not waited for: the route on a real socket, the stage scripted."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from deployments.ingress import envelope
from deployments.ingress.openai import speech
from deployments.ingress.request_limits import Limit, RequestLimits
from izwi.errors import EngineFailed
from izwi.stages import Capabilities, Timing, TtsChunk, TtsRequest, Voice

SENTENCE = "The house on the hill is big."
CHUNK = TtsChunk(np.full(2400, 9000, np.int16), 24_000, Timing("scripted", queue_s=0.01, compute_s=0.025))
LONG = replace(CHUNK, pcm=np.tile(CHUNK.pcm, 100))


@dataclass
class Calls:
    """Speaks a tenth of a second per sentence, fails at some, or speaks one of them for ever."""

    fails_at: int | None = None
    endless: bool = False
    asked: list[TtsRequest] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def capabilities(self) -> dict[str, Capabilities]:
        voices = (Voice("joe", "piper", frozenset({"en"})),)
        return {"tts": Capabilities(engines=("piper",), voices=voices, languages=frozenset({"en"}))}

    async def tts(self, request: TtsRequest) -> AsyncGenerator[TtsChunk]:
        self.asked.append(request)
        try:
            if self.fails_at == len(self.asked):
                raise EngineFailed("no tts engine could serve this request")
            yield CHUNK
            while self.endless:
                await asyncio.sleep(0.01)
                yield LONG
        finally:
            self.closed.set()


@asynccontextmanager
async def serving(calls: Calls, timeout_s: float = 5.0) -> AsyncIterator[httpx.AsyncClient]:
    inner = FastAPI()
    envelope.add_handlers(inner)
    inner.include_router(speech.build_router(calls, 4096))  # type: ignore[arg-type]
    limited = RequestLimits(inner, lambda _: Limit(1_000_000, timeout_s))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = "r1"
        await limited(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
    running = asyncio.create_task(server.serve([listening]))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        await running
        listening.close()


def body(text: str, **options: Any) -> dict[str, Any]:
    return {"model": "tts-1", "input": text, "response_format": "pcm", **options}


def test_the_openapi_document_names_what_is_answered() -> None:
    app = FastAPI()
    app.include_router(speech.build_router(Calls(), 4096))  # type: ignore[arg-type]
    answers = app.openapi()["paths"]["/v1/audio/speech"]["post"]["responses"]["200"]["content"]
    assert {"audio/mpeg", "audio/wav", "text/event-stream"} <= set(answers)


async def test_sentences_are_asked_for_one_by_one_and_only_the_first_in_haste() -> None:
    calls = Calls()
    async with serving(calls) as client:
        response = await client.post("/v1/audio/speech", json=body(f"{SENTENCE} {SENTENCE}\n{SENTENCE}", speed=2))
    assert len(response.content) == 3 * 2 * len(CHUNK.pcm)
    assert calls.asked == [TtsRequest(SENTENCE, "en", "joe", 2.0, early=early) for early in (True, False, False)]


async def test_debug_tells_where_the_time_went_in_the_last_event_and_nowhere_else() -> None:
    asked = body(f"{SENTENCE} {SENTENCE}", stream_format="sse")
    async with serving(Calls()) as client:
        done, plain = [
            json.loads((await client.post("/v1/audio/speech", json=asked | more)).text.split("data: ")[-1])
            for more in ({"debug": True}, {})
        ]
        refused = await client.post("/v1/audio/speech", json=body(SENTENCE, debug=True))
    assert done["meta"] == {
        "timings_ms": {"tts": {"queue": 20.0, "compute": 50.0}},
        "hotword_matches": [],
        "trace_id": None,
    }
    assert set(plain) == {"type", "usage"}
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", "debug")
    assert "stream_format=sse" in error["message"]


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_a_failure_before_the_first_byte_has_its_status(stream_format: str) -> None:
    async with serving(Calls(fails_at=1)) as client:
        response = await client.post("/v1/audio/speech", json=body(SENTENCE, stream_format=stream_format))
    assert response.status_code == 503
    assert response.json()["error"] == {
        "message": "no tts engine could serve this request",
        "type": "server_error",
        "param": None,
        "code": "engine_failed",
        "request_id": "r1",
    }


async def test_a_later_failure_breaks_the_audio_off() -> None:
    received = bytearray()

    async def receive(response: httpx.Response) -> None:
        async for data in response.aiter_bytes():
            received.extend(data)

    async with (
        serving(Calls(fails_at=2)) as client,
        client.stream("POST", "/v1/audio/speech", json=body(f"{SENTENCE} {SENTENCE}")) as response,
    ):
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await receive(response)
    assert len(received) == 2 * len(CHUNK.pcm)


async def test_a_later_failure_is_an_event_and_nothing_is_said_to_be_done() -> None:
    async with serving(Calls(fails_at=2)) as client:
        response = await client.post("/v1/audio/speech", json=body(f"{SENTENCE} {SENTENCE}", stream_format="sse"))
    events = [json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if line]
    assert [event["type"] for event in events] == ["speech.audio.delta", "error"]
    assert (events[1]["error"]["code"], events[1]["error"]["request_id"]) == ("engine_failed", "r1")


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_who_goes_away_stops_the_synthesis(stream_format: str) -> None:
    calls = Calls(endless=True)
    asked = body(f"{SENTENCE} {SENTENCE}", stream_format=stream_format)
    async with serving(calls, timeout_s=60) as client:
        async with client.stream("POST", "/v1/audio/speech", json=asked) as response:
            assert await anext(response.aiter_bytes())
            assert not calls.closed.is_set()
        await asyncio.wait_for(calls.closed.wait(), 10)
    assert len(calls.asked) == 1


async def test_who_does_not_read_is_left_after_a_while() -> None:
    calls = Calls(endless=True)
    async with (
        serving(calls, timeout_s=1.5) as client,
        client.stream("POST", "/v1/audio/speech", json=body(SENTENCE)),
    ):
        await asyncio.wait_for(calls.closed.wait(), 60)  # once the sockets' buffers are full
