"""Items of OpenAI's transcription sessions on literals: how utterances become what a client is told."""

import json
from typing import Any

import pytest

from izwi import messages as m
from izwi.audio import Cut
from izwi.errors import (
    EmptyCommit,
)
from izwi.realtime.transcription import TranscriptionWire
from tests.transcription_wire import append, connected, cut, ended, failure, final, read, started, told, update, words


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
