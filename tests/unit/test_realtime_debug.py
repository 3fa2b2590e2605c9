"""How the results of OpenAI's transcription sessions came about, told only where that was asked for."""

import json
from typing import Any

import pytest

from izwi import messages as m
from izwi.errors import (
    ClientError,
    InvalidMessage,
    ProtocolViolation,
)
from izwi.realtime.transcription import TranscriptionWire
from tests.transcription_wire import append, connected, cut, ended, final, read, started, told, update, words


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
