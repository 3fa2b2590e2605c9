"""Recordings and speech through OpenAI's stock client for JavaScript."""

import base64
import io
from pathlib import Path
from typing import Any

import av
import pytest

from tests.e2e.conftest import Server
from tests.e2e.javascript import audio_calls
from tests.e2e.test_openai_transcriptions import wer
from tests.speech import LIBRIVOX, load, needs_librivox

CLIP = 0
pytestmark = needs_librivox


@pytest.fixture(scope="module")
def calls(server: Server, project: Path) -> dict[str, dict[str, Any]]:
    return audio_calls(project, server.http, LIBRIVOX[CLIP].path)


def gave(calls: dict[str, dict[str, Any]], name: str) -> Any:
    assert "gave" in calls[name], calls[name]
    return calls[name]["gave"]


def test_a_recording_in_every_form(calls: dict[str, dict[str, Any]]) -> None:
    text = gave(calls, "json")["text"]
    assert wer(LIBRIVOX[CLIP].text, text) < 0.2
    verbose = gave(calls, "verbose_json")
    assert verbose["text"] == text
    assert verbose["duration"] == pytest.approx(len(load(LIBRIVOX[CLIP].path)) / 16_000, abs=0.01)
    assert "".join(word["word"] for word in verbose["words"]) == text.replace(" ", "")
    assert " ".join(segment["text"] for segment in verbose["segments"]) == text
    assert gave(calls, "text").strip() == text
    assert gave(calls, "srt").startswith("1\n00:00:0")


def test_events_add_up(calls: dict[str, dict[str, Any]]) -> None:
    events = gave(calls, "stream")
    assert events[-1]["type"] == "transcript.text.done"
    deltas = [event["delta"] for event in events if event["type"] == "transcript.text.delta"]
    assert "".join(deltas) == events[-1]["text"] == gave(calls, "json")["text"]


def test_a_recording_is_translated(calls: dict[str, dict[str, Any]]) -> None:
    assert {"el", "la", "de", "que", "y", "en"} & set(gave(calls, "translation")["text"].lower().split())


@pytest.mark.parametrize(("name", "media_type"), [("mp3", "audio/mpeg"), ("wav", "audio/wav")])
def test_a_text_is_spoken(calls: dict[str, dict[str, Any]], name: str, media_type: str) -> None:
    spoken = gave(calls, name)
    assert spoken["type"] == media_type
    with av.open(io.BytesIO(base64.b64decode(spoken["audio"]))) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert 1.0 < samples / 24_000 < 4.0


@pytest.mark.parametrize(
    ("name", "thrown"),
    [
        ("no_recording", ("APIError", 415, "unsupported_audio", "invalid_request_error", None)),
        ("no_format", ("BadRequestError", 400, "invalid_request", "invalid_request_error", "response_format")),
        ("no_model", ("NotFoundError", 404, "model_not_found", "invalid_request_error", "model")),
    ],
)
def test_errors_are_of_their_class(
    calls: dict[str, dict[str, Any]], name: str, thrown: tuple[str, int, str, str, str | None]
) -> None:
    threw = calls[name]["threw"]
    assert (threw["class"], threw["status"], threw["code"], threw["type"], threw.get("param")) == thrown
