"""OpenAI's transcription sessions on literals: no socket, no session."""

import base64
import json
from typing import Any

import pytest

from izwi import messages as m
from izwi.audio import Cut
from izwi.errors import (
    ClientError,
    EmptyCommit,
    InvalidMessage,
    ProtocolViolation,
    UnknownMessageType,
    UnsupportedLanguage,
)
from izwi.realtime.transcription import TranscriptionWire
from izwi.settings import Settings
from izwi.wire import Audio, Begin, Reply

SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
SECOND = base64.b64encode(bytes(48_000)).decode()
"""Of silence, 24 kHz PCM16."""


def check(start: m.SessionStart) -> None:
    if start.source_language not in ("auto", "en", "es"):
        raise UnsupportedLanguage(f"no {start.source_language}")


def connected(**query: str) -> TranscriptionWire:
    wire = TranscriptionWire("s1", SETTINGS, 1_700_000_000)
    wire.greet(query, check)
    return wire


def read(wire: TranscriptionWire, type: str, **fields: Any) -> Any:
    return wire.read(json.dumps({"type": type, **fields}))


def update(wire: TranscriptionWire, **fields: Any) -> dict[str, Any]:
    """``session.audio.input`` of the answer."""
    (reply,) = read(wire, "session.update", session={"type": "transcription", "audio": {"input": fields}})
    assert isinstance(reply, Reply)
    event = json.loads(reply.frames[0])
    assert event["type"] == "session.updated"
    return event["session"]["audio"]["input"]


def append(wire: TranscriptionWire, audio: str = SECOND) -> Any:
    return read(wire, "input_audio_buffer.append", audio=audio)


def told(wire: TranscriptionWire, *messages: m.ServerMessage) -> list[tuple[str, dict[str, Any]]]:
    """Type and fields of each event, without ids of events."""
    events = [json.loads(frame) for message in messages for frame in wire.write(message)]
    assert len({event.pop("event_id") for event in events}) == len(events)
    return [(event.pop("type").removeprefix("conversation.item.input_audio_transcription."), event) for event in events]


def started(utterance: int, time_s: float) -> m.ServerMessage:
    return m.SpeechStartedMessage(data=m.SpeechBoundary(utterance=utterance, time_s=time_s))


def ended(utterance: int, time_s: float) -> m.ServerMessage:
    return m.SpeechEndedMessage(data=m.SpeechBoundary(utterance=utterance, time_s=time_s))


def words(utterance: int, text: str) -> m.ServerMessage:
    data = m.TranscriptCommitted(utterance=utterance, text=text, words=[], language="en")
    return m.TranscriptCommittedMessage(data=data)


def final(utterance: int, text: str = "") -> m.ServerMessage:
    data = m.TranscriptFinal(utterance=utterance, text=text, start_s=0, end_s=1, language="en", engine="e")
    return m.TranscriptFinalMessage(data=data)


def cut(utterance: int | None, time_s: float) -> m.ServerMessage:
    return m.AudioCutMessage(data=m.AudioCut(utterance=utterance, time_s=time_s))


def failure(utterance: int) -> m.ServerMessage:
    return m.ErrorMessage(
        data=m.ErrorData(
            code="engine_failed", message="down", retryable=True, fatal=False, request_id="r", utterance=utterance
        )
    )


# --- set up -----------------------------------------------------------------------------------------------------------
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


# --- server VAD -------------------------------------------------------------------------------------------------------
def test_an_utterance_is_an_item() -> None:
    wire = connected()
    for _ in range(10):
        append(wire)
    events = told(
        wire,
        started(0, 1.0),
        words(0, "Good"),
        words(0, " morning."),
        ended(0, 2.0),
        final(0),
        started(1, 4.0),
        ended(1, 5.0),
        words(1, "Yes."),
        final(1),
    )
    first, second = "item_s1_2", "item_s1_4"
    text = {"content_index": 0}
    assert events == [
        ("input_audio_buffer.speech_started", {"audio_start_ms": 700, "item_id": first}),
        ("delta", {"item_id": first, "delta": "Good", **text}),
        ("delta", {"item_id": first, "delta": " morning.", **text}),
        ("input_audio_buffer.speech_stopped", {"audio_end_ms": 2500, "item_id": first}),
        ("input_audio_buffer.committed", {"item_id": first, "previous_item_id": None}),
        (
            "completed",
            {
                "item_id": first,
                "transcript": "Good morning.",
                "usage": {"type": "duration", "seconds": 1.8},
                **text,
            },
        ),
        ("input_audio_buffer.speech_started", {"audio_start_ms": 3700, "item_id": second}),
        ("input_audio_buffer.speech_stopped", {"audio_end_ms": 5500, "item_id": second}),
        ("input_audio_buffer.committed", {"item_id": second, "previous_item_id": first}),
        ("delta", {"item_id": second, "delta": "Yes.", **text}),
        (
            "completed",
            {"item_id": second, "transcript": "Yes.", "usage": {"type": "duration", "seconds": 1.8}, **text},
        ),
    ]


def test_an_item_begins_where_the_one_before_has_ended_at_the_earliest() -> None:
    wire = connected()
    append(wire)
    append(wire)
    events = told(wire, started(0, 0.2), ended(0, 0.8), started(1, 1.4))
    assert events[1][1]["audio_end_ms"] == 1300
    assert events[-1][1]["audio_start_ms"] == 1300


def kinds(events: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [kind.removeprefix("input_audio_buffer.") for kind, _ in events]


def test_an_item_of_which_nothing_could_be_recognised_has_failed() -> None:
    wire = connected()
    append(wire)
    events = told(wire, started(0, 0.1), failure(0), ended(0, 0.9), final(0))
    assert kinds(events) == ["speech_started", "error", "speech_stopped", "committed", "failed"]
    assert events[-1][1]["error"] == {"type": "server_error", "code": "engine_failed", "message": "down", "param": None}
    assert events[1][1]["error"]["retryable"]


def test_a_failure_that_cost_no_words_is_an_error_and_the_item_is_complete() -> None:
    wire = connected()
    append(wire)
    events = told(wire, started(0, 0.1), failure(0), words(0, "Hi."), ended(0, 0.9), final(0))
    assert kinds(events) == ["speech_started", "error", "delta", "speech_stopped", "committed", "completed"]


def test_a_commit_ends_an_utterance_where_it_is() -> None:
    wire = connected()
    append(wire)
    assert read(wire, "input_audio_buffer.commit") == [Cut()]
    append(wire)
    events = told(wire, started(0, 0.1), cut(0, 1.0), ended(0, 1.0), words(0, "Hi."), final(0))
    assert kinds(events) == ["speech_started", "speech_stopped", "committed", "delta", "completed"]
    assert events[1][1]["audio_end_ms"] == 1000


def test_a_commit_while_nobody_speaks_is_an_error_that_names_it() -> None:
    wire = connected()
    append(wire)
    read(wire, "input_audio_buffer.commit", event_id="last")
    ((kind, fields),) = told(wire, cut(None, 1.0))
    assert (kind, fields["error"]["code"], fields["error"]["event_id"]) == (
        "error",
        "input_audio_buffer_commit_empty",
        "last",
    )


def test_a_commit_of_nothing_new_is_refused() -> None:
    wire = connected()
    append(wire)
    told(wire, started(0, 0.1), ended(0, 0.8))  # with its silence, up to the last sample
    with pytest.raises(EmptyCommit):
        read(wire, "input_audio_buffer.commit")


def test_an_utterance_that_is_cleared_is_not_heard_of_again() -> None:
    wire = connected()
    append(wire)
    read(wire, "input_audio_buffer.clear")
    append(wire)
    events = told(
        wire,
        *(started(0, 0.1), cut(0, 1.0), ended(0, 1.0), words(0, "Hi."), final(0)),
        *(started(1, 1.4), words(1, "Ho."), ended(1, 1.6), final(1)),
    )
    assert kinds(events) == [
        *("speech_started", "cleared", "speech_started", "delta", "speech_stopped", "committed", "completed")
    ]
    assert events[-2][1]["previous_item_id"] is None


def test_a_clear_with_nothing_to_clear_is_answered_at_once() -> None:
    wire = connected()
    for _ in range(2):
        (reply,) = read(wire, "input_audio_buffer.clear")
        assert json.loads(reply.frames[0])["type"] == "input_audio_buffer.cleared"
        append(wire)
        assert read(wire, "input_audio_buffer.clear") == [Cut()]


# --- no turn detection ------------------------------------------------------------------------------------------------
def manual() -> TranscriptionWire:
    wire = connected()
    update(wire, turn_detection=None)
    append(wire)
    return wire


def test_without_turn_detection_all_between_two_commits_is_one_item_told_when_committed() -> None:
    wire = manual()
    assert told(wire, started(0, 0.2), words(0, "Good"), ended(0, 0.5), words(0, " day."), final(0)) == []
    assert told(wire, started(1, 0.7), words(1, "How are")) == []
    read(wire, "input_audio_buffer.commit")
    events = told(wire, cut(1, 1.0), ended(1, 1.0), words(1, " you?"), final(1))
    assert kinds(events) == ["committed", "delta", "delta", "completed"]
    assert [fields["delta"] for kind, fields in events if kind == "delta"] == ["Good day. How are", " you?"]
    assert events[-1][1]["transcript"] == "Good day. How are you?"
    assert events[-1][1]["usage"] == {"type": "duration", "seconds": 1.0}


def test_a_commit_of_silence_has_an_empty_transcript() -> None:
    wire = manual()
    read(wire, "input_audio_buffer.commit")
    events = told(wire, cut(None, 1.0))
    assert kinds(events) == ["committed", "completed"]
    assert events[-1][1]["transcript"] == ""


def test_what_is_cleared_is_in_no_item() -> None:
    wire = manual()
    told(wire, started(0, 0.2), words(0, "Oh."), ended(0, 0.5))
    read(wire, "input_audio_buffer.clear")
    append(wire)
    read(wire, "input_audio_buffer.commit")
    events = told(
        wire, cut(None, 1.0), final(0), started(1, 1.2), words(1, "Yes."), cut(1, 2.0), ended(1, 2.0), final(1)
    )
    assert kinds(events) == ["cleared", "committed", "delta", "completed"]
    assert events[-1][1]["transcript"] == "Yes."
    assert events[-1][1]["usage"]["seconds"] == 1.0


def test_texts_are_joined_as_their_script_is_written() -> None:
    wire = manual()
    read(wire, "input_audio_buffer.commit")
    pieces = (started(0, 0.1), words(0, "今日は。"), final(0), started(1, 0.5), words(1, "元気です。"), final(1))
    events = told(wire, *pieces, cut(None, 1.0))
    assert events[-1][1]["transcript"] == "今日は。元気です。"


def test_a_server_that_stops_says_so() -> None:
    wire = connected()
    data = m.SessionGoingAway(reason="shutdown", resume_token=None)
    ((kind, fields),) = told(wire, m.SessionGoingAwayMessage(data=data))
    assert (kind, fields["error"]["type"], fields["error"]["retryable"]) == ("error", "server_error", True)


# --- how a result came about ------------------------------------------------------------------------------------------
def with_meta(utterance: int, queue: float, hotword: str = "") -> m.ServerMessage:
    matches = [m.HotwordMatch(heard="a", hotword=hotword, score=1, start_s=0, end_s=1)] if hotword else []
    meta = m.Meta(timings_ms={"asr": m.StageTime(queue=queue, compute=2.0)}, hotword_matches=matches)
    message = final(utterance)
    return message.model_copy(update={"data": message.data.model_copy(update={"meta": meta})})


def session(wire: TranscriptionWire, **fields: Any) -> dict[str, Any]:
    """The session as ``session.updated`` tells it."""
    (reply,) = read(wire, "session.update", session={"type": "transcription", **fields})
    return json.loads(reply.frames[0])["session"]


def test_an_item_says_how_it_came_about_only_where_that_was_asked_for() -> None:
    for wire, asked in ((connected(), False), (connected(debug="true"), True)):
        begin, _ = append(wire)
        assert begin.start.debug is asked
        events = told(wire, started(0, 1.0), words(0, "Yes."), ended(0, 2.0), with_meta(0, 1.0, "Ana"))
        assert ("meta" in events[-1][1]) is asked
        assert not any("meta" in fields for _, fields in events[:-1])
    assert events[-1][1]["meta"] == {
        "timings_ms": {"asr": {"queue": 1.0, "compute": 2.0}},
        "hotword_matches": [{"heard": "a", "hotword": "Ana", "score": 1.0, "start_s": 0.0, "end_s": 1.0}],
        "trace_id": None,
    }


def test_debug_is_set_by_an_update_too_until_audio_has_come_and_shown_only_then() -> None:
    wire = connected()
    assert "debug" not in session(wire)
    assert session(wire, debug=True)["debug"] is True
    assert session(wire)["debug"] is True
    begin, _ = append(wire)
    assert begin.start.debug
    assert session(wire, debug=True)["debug"] is True
    with pytest.raises(ProtocolViolation) as caught:
        session(wire, debug=False)
    assert caught.value.param == "session.debug"
    assert "debug" not in session(connected(debug="true"), debug=False)


def test_an_update_that_is_refused_does_not_change_debug() -> None:
    wire = connected()
    with pytest.raises(ClientError):
        session(wire, debug=True, audio={"input": {"transcription": {"language": "tlh"}}})
    assert "debug" not in session(wire)


def test_a_url_with_another_debug_is_refused() -> None:
    with pytest.raises(InvalidMessage) as caught:
        connected(debug="perhaps")
    assert caught.value.param == "debug"


def test_an_item_of_several_utterances_adds_up_what_they_took() -> None:
    wire = connected(debug="1")
    update(wire, turn_detection=None)
    append(wire)
    told(wire, started(0, 0.1), words(0, "a"), ended(0, 0.3), with_meta(0, 1.0, "Ana"))
    told(wire, started(1, 0.5), words(1, "b"), ended(1, 0.7), with_meta(1, 2.5, "Łódź"))
    read(wire, "input_audio_buffer.commit")
    meta = told(wire, cut(None, 1.0))[-1][1]["meta"]
    assert meta["timings_ms"] == {"asr": {"queue": 3.5, "compute": 4.0}}
    assert [match["hotword"] for match in meta["hotword_matches"]] == ["Ana", "Łódź"]
    append(wire)
    read(wire, "input_audio_buffer.commit")
    assert told(wire, cut(None, 2.0))[-1][1]["meta"] == {"timings_ms": {}, "hotword_matches": [], "trace_id": None}
