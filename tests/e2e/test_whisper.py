"""``/asr`` with the requests that whisper-asr-webservice's documentation shows."""

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.speech import GERMAN, LIBRIVOX, load, needs_german, needs_librivox


def asr(server: Server, content: bytes, **params: object) -> httpx.Response:
    return httpx.post(f"{server.http}/asr", params=params, files={"audio_file": ("a.wav", content)}, timeout=60)  # type: ignore[arg-type]


@needs_librivox
@pytest.mark.parametrize(
    ("output", "start"), [("txt", ""), ("srt", "1\n00:"), ("vtt", "WEBVTT\n"), ("tsv", "start\tend\ttext\n")]
)
def test_texts(server: Server, output: str, start: str) -> None:
    response = asr(server, LIBRIVOX[1].path.read_bytes(), task="transcribe", language="en", encode=True, output=output)
    assert response.status_code == 200, response.text
    assert response.text.startswith(start)
    assert len(response.text.split()) > 5


@needs_librivox
def test_json_with_words(server: Server) -> None:
    body = asr(server, LIBRIVOX[1].path.read_bytes(), output="json", word_timestamps="true", vad_filter="true").json()
    assert body["language"] == "en"
    words = [word for segment in body["segments"] for word in segment["words"]]
    assert "".join(word["word"] for word in words) == body["text"].replace(" ", "")
    assert all(0 <= word["start"] <= word["end"] and 0 < word["probability"] <= 1 for word in words)


@needs_librivox
def test_samples_without_a_header(server: Server) -> None:
    samples = (load(LIBRIVOX[0].path) * 32767).astype("<i2").tobytes()
    text = asr(server, samples + b"x", encode="false", language="en").text
    assert text == asr(server, LIBRIVOX[0].path.read_bytes(), language="en").text
    assert asr(server, b"", encode="false").json()["error"]["code"] == "unsupported_audio"
    assert asr(server, bytes(2 * 16_000 * 70), encode="false").json()["error"]["code"] == "audio_too_long"


@needs_german
def test_german_into_english(server: Server) -> None:
    english = asr(server, GERMAN[0].read_bytes(), task="translate", language="german", output="json").json()
    german = asr(server, GERMAN[0].read_bytes(), language="de", output="json").json()
    assert english["text"]
    assert english["text"] != german["text"]
    assert english["language"] == "en"


@pytest.mark.parametrize("params", [{"output": "xml"}, {"diarize": "true"}, {"task": "sing"}])
def test_what_is_not_supported_is_named(server: Server, params: dict[str, object]) -> None:
    response = asr(server, b"", **params)
    assert response.status_code == 400
    assert next(iter(params)) in response.json()["error"]["message"]


def test_a_form_without_a_recording(server: Server) -> None:
    for files, param in (({"file": ("a.wav", b"")}, "file"), (None, "audio_file")):
        response = httpx.post(f"{server.http}/asr", files=files)
        assert response.status_code == 400
        assert response.json()["error"]["param"] == param
