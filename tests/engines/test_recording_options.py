"""What requests with a recording may ask for besides its text: a language model's second look, and with ``debug`` where
the time went. Only the models are scripted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from deployments.ingress import envelope, transcribe, whisper
from deployments.ingress.listener import Listener
from deployments.ingress.metrics import Metrics
from deployments.ingress.middleware import RequestContext
from deployments.ingress.openai import transcriptions
from deployments.ingress.recordings import LONGEST_HEADER
from deployments.ingress.services import Services
from deployments.llm.client import LlmClient
from deployments.media.forks import Forks
from deployments.media.sandbox import Limits, MediaSandbox
from deployments.store.hotword_lists import HotwordLists
from izwi.settings import Settings
from izwi.stage_settings import LlmSettings
from izwi.stages import LlmRequest
from tests.engines.jobs import ByHeader, Scripted, recording
from tests.language_model import language_model

PHRASES = 40
PHRASE_S = 2.5
"""Of which one second is a pause: a segment each."""
ASR = {"asr", "vad"}


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    spans = tuple((PHRASE_S * number, PHRASE_S * number + 1.5) for number in range(PHRASES))
    return recording(tmp_path_factory.mktemp("talk") / "talk.wav", PHRASES * PHRASE_S, spans).read_bytes()


@pytest.fixture(scope="module")
def phrase(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return recording(tmp_path_factory.mktemp("phrase") / "phrase.wav", 4.0, ((0.0, 3.5),)).read_bytes()


class Client:
    def __init__(self, client: httpx.AsyncClient, llm: LlmClient) -> None:
        self.llm = llm
        self._client = client

    async def post(self, path: str, content: bytes, field: str = "file", **data: Any) -> httpx.Response:
        response = await self._client.post(path, files={field: ("a.wav", content)}, data=data)
        assert response.status_code == 200, response.text
        return response


@asynccontextmanager
async def routes(stages: Scripted | None = None, **llm: Any) -> AsyncIterator[Client]:
    settings, calls = Settings(), stages or Scripted()
    model = LlmClient(LlmSettings(**llm))
    services = cast(
        Services,
        SimpleNamespace(
            settings=settings, calls=calls, access=ByHeader(), hotwords=HotwordLists(cast(Any, None)), llm=model
        ),
    )
    forks = Forks()
    listener = Listener(cast(Any, calls), settings.vad, MediaSandbox(Limits(settings.max_audio_seconds), forks))
    app = FastAPI()
    app.add_middleware(RequestContext, metrics=Metrics())
    envelope.add_handlers(app)
    app.include_router(transcribe.build_router(listener, services))
    app.include_router(transcriptions.build_router(listener, services))
    app.include_router(whisper.build_router(listener))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://izwi", timeout=60) as client:
        yield Client(client, model)
    forks.close()
    await model.close()


async def test_every_segment_of_a_long_recording_is_corrected_and_live_speech_does_not_wait(talk: bytes) -> None:
    """All of them together take longer than the limit that each of them has."""
    with language_model(delay_s=0.2) as model:
        async with routes(base_url=model.url, timeout_s=1.5) as client:
            asking = asyncio.create_task(client.post("/api/v1/transcribe", talk, apply_llm="true", debug="true"))
            async with asyncio.timeout(30):
                while not model.texts:
                    await asyncio.sleep(0.01)
            live = await asyncio.gather(*(client.llm.ask(LlmRequest("Good day", "corrector")) for _ in range(4)))
            body = (await asking).json()
    assert [one.llm for one in live] == ["applied"] * 4
    assert len(body["segments"]) == PHRASES
    assert [row["llm"] for row in body["segments"]] == [
        {"text": f"{row['text']}!", "status": "applied"} for row in body["segments"]
    ]
    assert body["llm"]["status"] == "applied"
    assert body["llm"]["text"].count("!") == PHRASES
    assert model.most_at_once <= 8
    llm = body["meta"]["timings_ms"]["llm"]
    assert llm["compute"] >= PHRASES * 200
    assert llm["queue"] >= 0


async def test_the_translator_is_told_both_languages_and_no_hotwords_that_are_not_applied(phrase: bytes) -> None:
    with language_model() as model:
        async with routes(base_url=model.url) as client:
            options = {"apply_llm": "true", "llm_role": "translator", "target_language": "es"}
            response = await client.post("/api/v1/transcribe", phrase, hotwords="3", apply_hotword="false", **options)
    body = response.json()
    (row,) = body["segments"]
    assert row["llm"] == {"text": f"¡{row['text']}!", "status": "applied"}
    assert body["llm"] == {"role": "translator", "status": "applied", "text": f"¡{body['text']}!"}
    assert "from English to Spanish" in model.systems[0]
    assert "meta" not in body


async def test_a_model_that_is_not_set_up_takes_no_time(phrase: bytes) -> None:
    async with routes() as client:
        body = (await client.post("/api/v1/transcribe", phrase, apply_llm="true", debug="true")).json()
    assert body["llm"] == {"role": "corrector", "status": "off", "text": body["text"]}
    assert set(body["meta"]["timings_ms"]) == ASR


async def test_who_spoke_took_time_too(talk: bytes) -> None:
    async with routes() as client:
        body = (await client.post("/api/v1/transcribe", talk, with_speaker="true", debug="true")).json()
    assert {row["speaker"] for row in body["segments"]} == {"SPEAKER_00", "SPEAKER_01"}
    assert set(body["meta"]["timings_ms"]) == {*ASR, "speakers"}
    assert body["meta"]["timings_ms"]["speakers"]["compute"] > 0
    assert body["meta"]["timings_ms"]["speakers"]["queue"] > 0


TEXTS = [
    *(("transcriptions", {"response_format": form}) for form in ("text", "srt", "vtt")),
    ("translations", {"response_format": "text"}),
    *(("/asr", {"output": output}) for output in ("txt", "srt", "vtt", "tsv")),
]


@pytest.mark.parametrize(("path", "form"), TEXTS)
async def test_debug_of_what_is_no_json_is_in_a_header(phrase: bytes, path: str, form: dict[str, str]) -> None:
    async with routes() as client:

        async def ask(**more: str) -> httpx.Response:
            if path == "/asr":
                query = "&".join(f"{name}={value}" for name, value in (form | more).items())
                return await client.post(f"/asr?{query}", phrase, "audio_file")
            return await client.post(f"/v1/audio/{path}", phrase, language="en", **form, **more)

        assert "x-izwi-meta" not in (await ask()).headers
        response = await ask(debug="true")
    meta = json.loads(response.headers["x-izwi-meta"])
    assert set(meta) == {"timings_ms", "hotword_matches", "trace_id"}
    assert set(meta["timings_ms"]) == ASR
    assert meta["timings_ms"]["asr"]["compute"] > 0
    assert " " not in response.headers["x-izwi-meta"]


async def test_a_header_that_would_be_too_long_leaves_the_hotwords_out_and_says_so(talk: bytes) -> None:
    many = ",".join(map(str, range(10, 200)))
    async with routes() as client:
        few = await client.post("/v1/audio/transcriptions", talk, response_format="srt", debug="true", hotwords="10,11")
        more = await client.post("/v1/audio/transcriptions", talk, response_format="srt", debug="true", hotwords=many)
        both = await client.post("/v1/audio/transcriptions", talk, debug="true", hotwords=many)
    assert [one["hotword"] for one in json.loads(few.headers["x-izwi-meta"])["hotword_matches"]] == ["10", "11"]
    meta = json.loads(more.headers["x-izwi-meta"])
    assert set(meta) == {"timings_ms", "trace_id", "left_out"}
    assert meta["left_out"] == ["hotword_matches"]
    assert meta["timings_ms"]["asr"]["compute"] > 0
    assert "x-izwi-meta" not in both.headers
    assert len(json.dumps(both.json()["meta"], separators=(",", ":"))) > LONGEST_HEADER


async def test_a_recording_that_is_heard_twice_tells_of_both(tmp_path: Path) -> None:
    spoken = recording(tmp_path / "a.wav", 4.0, ((0.0, 3.5),)).read_bytes()
    async with routes(Scripted(language="de")) as client:
        german = await client.post("/v1/audio/translations", spoken, language="de", target_language="en", debug="true")
        once = await client.post("/v1/audio/transcriptions", spoken, language="de", debug="true")
    compute = [one.json()["meta"]["timings_ms"]["asr"]["compute"] for one in (german, once)]
    assert compute[0] == 2 * compute[1]
