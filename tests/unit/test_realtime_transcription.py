"""OpenAI's transcription sessions on literals: setting one up, and events that are refused."""

import base64
import json
from typing import Any

import pytest

from izwi import messages as m
from izwi.errors import (
    ClientError,
    EmptyCommit,
    InvalidMessage,
    ProtocolViolation,
    UnknownMessageType,
)
from izwi.realtime.transcription import TranscriptionWire
from izwi.wire import Audio, Begin
from tests.transcription_wire import (
    SETTINGS,
    append,
    check,
    connected,
    read,
    update,
)


def test_a_new_session_tells_its_defaults() -> None:
    wire = TranscriptionWire("s1", SETTINGS, 1_700_000_000)
    (frame,) = wire.greet({"intent": "transcription", "model": "gpt-4o-transcribe"}, check)
    event = json.loads(frame)
    assert event["type"] == "session.created"
    assert event["event_id"]
    assert event["session"] == {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": "sess_s1",
        "expires_at": 1_700_000_000,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {"model": "gpt-4o-transcribe", "language": None, "prompt": None, "keywords": []},
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                },
            }
        },
        "include": None,
    }


@pytest.mark.parametrize(
    ("query", "param"),
    [({"intent": "conversation"}, "intent"), ({"call_id": "rtc_1"}, "call_id"), ({"model": "m" * 129}, "model")],
)
def test_a_url_that_asks_for_something_else_is_refused(query: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        connected(**query)
    assert caught.value.param == param


def test_audio_without_an_update_begins_with_the_defaults_and_only_once() -> None:
    wire = connected()
    begin, audio = append(wire)
    assert isinstance(begin, Begin)
    assert begin.start == m.SessionStart(speech=False, audio=m.AudioFormat(sample_rate=24_000))
    vad = begin.settings.vad
    assert (vad.threshold, vad.endpoint_ms, vad.preroll_ms) == (0.5, 500, 300)
    assert audio == Audio(bytes(48_000))
    assert append(wire) == [Audio(bytes(48_000))]


def test_what_a_session_sets_is_its_own() -> None:
    wire = connected()
    shown = update(
        wire,
        format={"type": "audio/pcm", "rate": 16_000},
        transcription={"model": "whisper-1", "language": "es"},
        turn_detection={"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 900},
    )
    assert shown["format"] == {"type": "audio/pcm", "rate": 16_000}
    assert shown["transcription"] == {"model": "whisper-1", "language": "es", "prompt": None, "keywords": []}
    begin = append(wire)[0]
    assert (begin.start.source_language, begin.start.audio.sample_rate) == ("es", 16_000)
    vad = begin.settings.vad
    assert (vad.threshold, vad.endpoint_ms, vad.preroll_ms) == (0.7, 900, 300)
    assert vad.hop_ms == SETTINGS.vad.hop_ms
    assert SETTINGS.vad.endpoint_ms == 400


def test_what_an_update_leaves_out_stays() -> None:
    wire = connected(model="gpt-4o-transcribe")
    update(wire, turn_detection=None)
    shown = update(wire, transcription={"language": "en"})
    assert shown["turn_detection"] is None
    assert shown["transcription"]["model"] == "gpt-4o-transcribe"
    assert update(wire)["transcription"]["language"] == "en"


def test_what_an_update_leaves_out_of_a_field_stays() -> None:
    wire = connected()
    update(wire, transcription={"language": "es", "keywords": ["Ngugi"]})
    shown = update(wire, transcription={"prompt": "x"})["transcription"]
    assert shown == {"model": None, "language": "es", "prompt": "x", "keywords": ["Ngugi"]}
    assert update(wire, transcription={"language": None})["transcription"] == shown | {"language": None}
    update(wire, turn_detection={"type": "server_vad", "threshold": 0.7})
    detection = update(wire, turn_detection={"type": "server_vad", "silence_duration_ms": 900})["turn_detection"]
    assert (detection["threshold"], detection["silence_duration_ms"]) == (0.7, 900)
    assert update(wire, turn_detection=None)["turn_detection"] is None
    assert update(wire, turn_detection={"type": "server_vad"})["turn_detection"]["threshold"] == 0.5


def test_a_format_of_another_type_has_a_rate_of_its_own() -> None:
    wire = connected()
    narrow = {"type": "audio/pcm", "rate": 16_000}
    assert update(wire, format=narrow)["format"] == narrow
    assert update(wire, format={"type": "audio/pcm"})["format"] == narrow
    update(wire, format={"type": "audio/pcmu"})
    assert append(wire)[0].start.audio == m.AudioFormat(encoding="mulaw", sample_rate=8000)


def test_keywords_are_hotwords() -> None:
    wire = connected()
    assert update(wire, transcription={"keywords": ["Sundar Pichai"]})["transcription"]["keywords"] == ["Sundar Pichai"]
    begin, _ = append(wire, base64.b64encode(bytes(4)).decode())
    assert begin.start.hotwords == ("Sundar Pichai",)


def test_the_prompt_is_the_sessions() -> None:
    wire = connected()
    assert update(wire, transcription={"prompt": "Names: Ngugi"})["transcription"]["prompt"] == "Names: Ngugi"
    assert append(wire, base64.b64encode(bytes(4)).decode())[0].start.prompt == "Names: Ngugi"


def test_g711_is_what_the_session_takes() -> None:
    wire = connected()
    assert update(wire, format={"type": "audio/pcmu"})["format"] == {"type": "audio/pcmu"}
    begin, audio = append(wire, base64.b64encode(b"\x80\x00\xff").decode())
    assert begin.start.audio == m.AudioFormat(encoding="mulaw", sample_rate=8000)
    assert audio.data == b"\x80\x00\xff"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"format": {"type": "audio/pcm", "rate": 44_100}}, "format.rate"),
        ({"format": {"type": "audio/pcmu", "rate": 16_000}}, "format.rate"),
        ({"format": {"type": "audio/opus"}}, "format.type"),
        ({"format": None}, "format"),
        ({"transcription": {"delay": "low"}}, "transcription.delay"),
        ({"transcription": {"language": "xx"}}, "transcription.language"),
        ({"transcription": {"colour": "red"}}, "transcription.colour"),
        ({"transcription": None}, "transcription"),
        ({"noise_reduction": {"type": "near_field"}}, "noise_reduction"),
        ({"turn_detection": {"type": "semantic_vad"}}, "turn_detection.type"),
        ({"turn_detection": {"type": "server_vad", "threshold": 1.5}}, "turn_detection.threshold"),
        ({"turn_detection": {"type": "server_vad", "threshold": "loud"}}, "turn_detection.threshold"),
        ({"turn_detection": {"type": "server_vad", "silence_duration_ms": 5}}, "turn_detection.silence_duration_ms"),
        ({"turn_detection": {"type": "server_vad", "create_response": True}}, "turn_detection.create_response"),
    ],
)
def test_a_field_that_is_not_supported_is_named_and_nothing_has_changed(fields: dict[str, Any], param: str) -> None:
    wire = connected()
    body = {"type": "transcription", "audio": {"input": {"turn_detection": None, **fields}}}
    with pytest.raises(ClientError) as caught:
        read(wire, "session.update", session=body, event_id="mine")
    assert (caught.value.param, caught.value.event_id) == (f"session.audio.input.{param}", "mine")
    assert param.rpartition(".")[2] in str(caught.value) or "no xx" in str(caught.value)
    assert update(wire)["turn_detection"] is not None


def test_fields_that_say_nothing_are_taken() -> None:
    vad = {"type": "server_vad", "create_response": False, "interrupt_response": None}
    update(connected(), noise_reduction=None, transcription={"prompt": "", "keywords": []}, turn_detection=vad)


@pytest.mark.parametrize(
    ("frame", "error", "param"),
    [
        ("{", InvalidMessage, None),
        ("[]", InvalidMessage, None),
        ("{}", UnknownMessageType, "type"),
        ('{"type": "response.create"}', UnknownMessageType, "type"),
        ('{"type": "session.update"}', InvalidMessage, "session"),
        ('{"type": "session.update", "session": {"type": "realtime"}}', InvalidMessage, "session.type"),
        ('{"type": "session.update", "session": {"include": ["logprobs"]}}', InvalidMessage, "session.include"),
        ('{"type": "session.update", "session": {"voice": "ash"}}', InvalidMessage, "session.voice"),
        ('{"type": "input_audio_buffer.append"}', InvalidMessage, "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "%%%"}', InvalidMessage, "audio"),
        ('{"type": "input_audio_buffer.append", "audio": 7}', InvalidMessage, "audio"),
        ('{"type": "input_audio_buffer.commit", "event_id": 7}', InvalidMessage, "event_id"),
        ('{"type": "input_audio_buffer.commit"}', EmptyCommit, None),
        (b"\0\0", InvalidMessage, None),
    ],
)
def test_malformed_events(frame: str | bytes, error: type[ClientError], param: str | None) -> None:
    with pytest.raises(error) as caught:
        connected().read(frame)
    assert caught.value.param == param


def test_nothing_can_be_changed_once_audio_has_come() -> None:
    wire = connected()
    append(wire)
    with pytest.raises(ProtocolViolation) as caught:
        update(wire, turn_detection=None)
    assert caught.value.param == "session.audio.input.turn_detection"
    update(wire, format={"type": "audio/pcm", "rate": 24_000})  # says what is so


def test_one_of_several_fields_may_be_repeated_once_audio_has_come() -> None:
    wire = connected()
    update(wire, transcription={"language": "es", "keywords": ["Ngugi"]})
    append(wire)
    assert update(wire, transcription={"language": "es"})["transcription"]["keywords"] == ["Ngugi"]
    with pytest.raises(ProtocolViolation):
        update(wire, transcription={"keywords": []})


def test_errors_look_like_openais() -> None:
    wire = connected()
    error = InvalidMessage("audio: is not base64").about("audio")
    error.event_id = "mine"
    data = m.ErrorData(code=error.code, message="", retryable=False, fatal=False, request_id="r7")
    event = json.loads(wire.fault(error, m.ErrorMessage(data=data))[0])
    assert event["type"] == "error"
    assert event["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_message",
        "message": "audio: is not base64",
        "param": "audio",
        "event_id": "mine",
        "retryable": False,
        "retry_after_s": None,
        "request_id": "r7",
    }
