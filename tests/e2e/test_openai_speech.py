"""The stock ``openai`` package against a real server: only its address is changed."""

import base64
import io
import json
import re
import socket
import time
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import soxr
from faster_whisper import WhisperModel
from openai import AsyncOpenAI, OpenAI

from izwi import models
from izwi.encoders import FORMATS, MEDIA_TYPES, Format
from izwi.errors import ModelMissing
from izwi.media import decode_file
from izwi.stages import Samples
from izwi.voices import ALIASES
from tests.e2e.conftest import Server
from tests.replicas import replicas

ENGLISH = "Although the children were tired, they walked to the big house on the hill."
SPANISH = "Aunque los niños estaban cansados, caminaron hasta la casa grande de la colina."
STORY = " ".join(
    [
        "The library opens every morning at nine.",
        "Last summer my brother travelled to the mountains by train.",
        "There was snow on the road, and nobody could drive.",
        "In the evening we cooked soup and played music.",
        "Tomorrow the doctor will visit my grandmother in the village.",
    ]
)


@pytest.fixture(scope="module")
def client(server: Server) -> OpenAI:
    return OpenAI(base_url=f"{server.http}/v1", api_key="none is needed", max_retries=0)


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    try:
        return WhisperModel(str(models.ensure("whisper-base", None)), device="cpu", compute_type="int8", cpu_threads=1)
    except ModelMissing as error:
        pytest.skip(str(error))


def samples(name: Format, data: bytes) -> Samples:
    """At 16 kHz."""
    if name == "pcm":
        return soxr.resample(np.frombuffer(data, "<i2").astype(np.float32) / 32768, 24_000, 16_000)
    return np.concatenate(list(decode_file(io.BytesIO(data), 600)))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def heard(whisper: WhisperModel, audio: Samples, language: str = "en") -> list[str]:
    segments, _ = whisper.transcribe(audio, language=language)
    return words(" ".join(segment.text for segment in segments))


def share(whisper: WhisperModel, audio: Samples, text: str, language: str = "en") -> float:
    """Of the words of a text that a recogniser hears in its speech."""
    return len({*words(text)} & {*heard(whisper, audio, language)}) / len({*words(text)})


def speak(client: OpenAI, text: str, **options: Any) -> bytes:
    return client.audio.speech.create(**{"model": "tts-1", "voice": "alloy", "input": text, **options}).content


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_the_words(client: OpenAI, whisper: WhisperModel, name: Format) -> None:
    response = client.audio.speech.create(model="tts-1", voice="alloy", input=ENGLISH, response_format=name)
    assert response.response.headers["content-type"] == MEDIA_TYPES[name]
    audio = samples(name, response.content)
    assert 2 < len(audio) / 16_000 < 8
    assert share(whisper, audio, ENGLISH) >= 0.9


def test_mp3_is_the_default(client: OpenAI) -> None:
    response = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
    assert response.response.headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize("voice", ["joe", "nova", "jm_kumo"])
def test_voices_differ_and_are_understood(client: OpenAI, whisper: WhisperModel, voice: str) -> None:
    audio = samples("wav", speak(client, ENGLISH, voice=voice, response_format="wav"))
    assert share(whisper, audio, ENGLISH) >= 0.8


def test_a_model_chooses_the_engine(client: OpenAI) -> None:
    for model, voice in (("kokoro", "jm_kumo"), ("espeak", "espeak-en")):  # Piper never says the same twice
        assert speak(client, "Good morning.", model=model) == speak(client, "Good morning.", voice=voice)


def test_another_language_is_asked_for_or_comes_with_the_voice(client: OpenAI, whisper: WhisperModel) -> None:
    spanish = speak(client, SPANISH, extra_body={"language": "es"})
    assert share(whisper, samples("mp3", spanish), SPANISH, "es") >= 0.8
    german = "Guten Morgen."
    assert speak(client, german, voice="espeak-de") == speak(client, german, extra_body={"language": "de"})


@pytest.mark.parametrize("voice", ["joe", "jm_kumo", "espeak-en"])
def test_speed_changes_the_duration(client: OpenAI, whisper: WhisperModel, voice: str) -> None:
    spoken = {
        speed: samples("pcm", speak(client, ENGLISH, voice=voice, speed=speed, response_format="pcm"))
        for speed in ((0.5, 1.0, 2.0) if voice == "jm_kumo" else (0.25, 0.5, 1.0, 2.0, 4.0))  # a slow voice
    }
    for speed, audio in spoken.items():
        assert len(spoken[1.0]) / len(audio) == pytest.approx(speed, rel=0.15)
    assert share(whisper, spoken[0.5], ENGLISH) >= 0.8
    if voice != "espeak-en":  # hard to follow at twice its pace
        assert share(whisper, spoken[2.0], ENGLISH) >= 0.6


async def test_the_async_client(server: Server) -> None:
    async with AsyncOpenAI(base_url=f"{server.http}/v1", api_key="none", max_retries=0) as client:
        response = await client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.", response_format="pcm")
        assert len(await response.aread()) > 10_000
        assert "whisper-1" in [model.id async for model in client.models.list()]


def test_audio_leaves_while_the_rest_is_synthesised(client: OpenAI, whisper: WhisperModel) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="kokoro", voice="jm_kumo", input=STORY, response_format="pcm"
    ) as response:
        began = time.monotonic()
        arrivals = [(time.monotonic() - began, part) for part in response.iter_bytes()]
    total = arrivals[-1][0]
    assert arrivals[0][0] < 0.25 * total
    assert sum(late - early > 0.02 * total for (early, _), (late, _) in pairwise(arrivals)) >= 4
    audio = samples("pcm", b"".join(part for _, part in arrivals))
    assert share(whisper, audio, STORY) >= 0.8


def test_long_text_is_said_whole_and_in_order(client: OpenAI, whisper: WhisperModel) -> None:
    said = heard(whisper, samples("opus", speak(client, STORY, response_format="opus")))
    landmarks = ["library", "brother", "mountains", "snow", "soup", "music", "doctor", "village"]
    found = [said.index(word) for word in landmarks if word in said]
    assert len(found) >= 6  # the voice differs each time, and a word may be misheard
    assert found == sorted(found)


def events(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if line]


def test_server_sent_events(server: Server, whisper: WhisperModel) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": ENGLISH, "stream_format": "sse", "response_format": "wav"}
    *deltas, done = events(httpx.post(f"{server.http}/v1/audio/speech", json=body, timeout=60))
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    audio = samples("wav", b"".join(base64.b64decode(event["audio"]) for event in deltas))
    assert share(whisper, audio, ENGLISH) >= 0.9
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["seconds"] == pytest.approx(len(audio) / 16_000, abs=0.05)
    assert usage["input_tokens"] == len(ENGLISH)
    assert usage["output_tokens"] == pytest.approx(20 * usage["seconds"], abs=1)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize(
    ("options", "error", "code", "param"),
    [
        ({"input": ""}, openai.BadRequestError, "nothing_to_say", "input"),
        ({"input": " \n\t"}, openai.BadRequestError, "nothing_to_say", "input"),
        ({"input": "... 🙂 [] \u0000"}, openai.BadRequestError, "nothing_to_say", "input"),
        ({"input": "", "stream_format": "sse"}, openai.BadRequestError, "nothing_to_say", "input"),
        ({"input": "a" * 4097}, openai.APIStatusError, "text_too_long", "input"),
        ({"voice": "no such voice"}, openai.BadRequestError, "unknown_voice", "voice"),
        ({"voice": "joe", "model": "kokoro"}, openai.BadRequestError, "unknown_voice", "voice"),
        (
            {"voice": "joe", "extra_body": {"language": "es"}},
            openai.BadRequestError,
            "unsupported_language",
            "language",
        ),
        ({"extra_body": {"language": "xx"}}, openai.BadRequestError, "unsupported_language", "language"),
        ({"model": "tts-9"}, openai.NotFoundError, "model_not_found", "model"),
        ({"model": "whisper-1"}, openai.NotFoundError, "model_not_found", "model"),
        ({"instructions": "whisper"}, openai.BadRequestError, "unsupported_parameter", "instructions"),
        ({"response_format": "midi"}, openai.BadRequestError, "invalid_request", "response_format"),
        ({"speed": 4.1}, openai.BadRequestError, "invalid_request", "speed"),
        ({"speed": 0.2}, openai.BadRequestError, "invalid_request", "speed"),
        ({"stream_format": "rtp"}, openai.BadRequestError, "invalid_request", "stream_format"),
        ({"extra_body": {"pitch": 2}}, openai.BadRequestError, "invalid_request", "pitch"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(
    client: OpenAI, options: dict[str, Any], error: type[openai.APIStatusError], code: str, param: str
) -> None:
    with pytest.raises(error) as failure:
        client.audio.speech.create(**{"model": "tts-1", "voice": "alloy", "input": "Hello.", **options})
    told = failure.value
    assert (told.code, told.param, told.type) == (code, param, "invalid_request_error")
    assert told.status_code == (413 if code == "text_too_long" else 404 if code == "model_not_found" else 400)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ça va très bien, merci ! Où êtes-vous ?", "fr"),
        ("今日はとてもいい天気ですね。", "ja"),
        ("صباح الخير يا صديقي.", "ar"),
        ("Hello 🙂 [[a]] <b>world</b> \u0000 \u200b &amp; ﷽", "en"),
        ("x" * 300, "en"),
        ("!" * 3000 + " yes", "en"),
    ],
)
def test_text_of_any_kind_is_said(client: OpenAI, text: str, language: str) -> None:
    audio = samples("flac", speak(client, text, response_format="flac", extra_body={"language": language}))
    assert len(audio) > 0.2 * 16_000
    assert np.abs(audio).max() > 0.05


def tts_cpu_s() -> float:
    return sum(sum(process.cpu_times()[:2]) for process in replicas("tts"))


def test_a_client_that_goes_away_stops_the_synthesis(server: Server) -> None:
    """A minute of Kokoro's work, on a bare socket that is closed after the first bytes of it."""
    body = json.dumps({"model": "kokoro", "input": STORY * 12, "response_format": "pcm"}).encode()
    address = httpx.URL(server.http)
    with socket.create_connection((address.host, address.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        received = b""
        while len(received) < 60_000:
            more = connection.recv(65_536)
            assert more, received[-300:]
            received += more
        assert received.startswith(b"HTTP/1.1 200")
    deadline, before = time.monotonic() + 20, tts_cpu_s()
    while True:  # a second without work; the piece under way is finished first
        time.sleep(1.0)
        now = tts_cpu_s()
        if now - before < 0.1:
            break
        assert time.monotonic() < deadline, "it goes on"
        before = now


def test_models(client: OpenAI) -> None:
    found = {model.id: model for model in client.models.list()}
    assert {"whisper-base", "apertium", "piper", "kokoro", "espeak", "whisper-1", "tts-1"} <= set(found)
    assert {found[name].owned_by for name in ("piper", "tts-1")} == {"izwi", "openai"}
    assert all(model.object == "model" and model.created > 1_700_000_000 for model in found.values())
    assert client.models.retrieve("whisper-base") == found["whisper-base"]
    with pytest.raises(openai.NotFoundError, match="whisper-base") as failure:
        client.models.retrieve("org/no-such-model")
    assert (failure.value.code, failure.value.param) == ("model_not_found", "model")


def test_voices(server: Server, client: OpenAI) -> None:
    voices = {voice["id"]: voice for voice in httpx.get(f"{server.http}/v1/audio/voices").json()["voices"]}
    assert (voices["joe"]["engine"], voices["joe"]["languages"]) == ("piper", ["en"])
    assert voices["jm_kumo"]["languages"] == ["en", "es", "fr", "hi", "it", "pt"]
    assert voices["espeak-de"]["languages"] == ["de"]
    assert sorted(alias for voice in voices.values() for alias in voice["aliases"]) == sorted(ALIASES)
    for alias in ("coral", "marin", "sage"):
        (name,) = (name for name, voice in voices.items() if alias in voice["aliases"])
        assert speak(client, "Yes.", voice=alias) == speak(client, "Yes.", voice=name)
    assert voices["joe"]["aliases"][0] == "alloy"
