"""Speech whose only engine fails, behind the real proxy: no client takes a part for the whole."""

import json
import os
import shutil
from collections.abc import Iterator

import httpx
import openai
import pytest
from openai import OpenAI

from tests.e2e.conftest import Server, started

REAL = shutil.which("espeak-ng")
GOOD = "The house on the hill is big."
BAD = "The volcano on the hill is big."

pytestmark = pytest.mark.skipif(REAL is None, reason="espeak-ng is not installed")


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """espeak-ng alone, which dies of volcanoes."""
    folder = tmp_path_factory.mktemp("failing")
    program = folder / "bin" / "espeak-ng"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ntext=$(cat)\ncase "$text" in *volcano*) kill -SEGV $$;; esac\nprintf %s "$text" | {REAL} "$@"\n'
    )
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    with started(folder, PATH=path, IZWI_TTS__ENGINES='["espeak"]') as server:
        yield server


@pytest.fixture(scope="module")
def client(failing: Server) -> OpenAI:
    return OpenAI(base_url=f"{failing.http}/v1", api_key="none is needed", max_retries=0)


def test_before_the_first_byte_it_is_a_status(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as failure:
        client.audio.speech.create(model="tts-1", voice="alloy", input=BAD)
    told = failure.value
    assert (told.status_code, told.code, told.type, told.param) == (503, "engine_failed", "server_error", None)


@pytest.mark.parametrize("audio_format", ["pcm", "mp3"])
def test_later_the_body_has_no_end(failing: Server, client: OpenAI, audio_format: str) -> None:
    whole = client.audio.speech.create(model="tts-1", voice="alloy", input=GOOD, response_format=audio_format).content
    body = {"model": "tts-1", "input": f"{GOOD} {BAD} {GOOD}", "response_format": audio_format}
    received = bytearray()

    def receive(response: httpx.Response) -> None:
        for data in response.iter_bytes():
            received.extend(data)

    with httpx.stream("POST", f"{failing.http}/v1/audio/speech", json=body, timeout=60) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            receive(response)
    assert 0 < len(received) <= len(whole)


def test_among_events_it_is_one_and_nothing_is_done(failing: Server) -> None:
    body = {"model": "tts-1", "input": f"{GOOD} {BAD}", "stream_format": "sse"}
    response = httpx.post(f"{failing.http}/v1/audio/speech", json=body, timeout=60)
    events = [json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["code"] == "engine_failed"
    assert events[-1]["error"]["request_id"] == response.headers["x-request-id"]
