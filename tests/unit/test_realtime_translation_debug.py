"""How the results of OpenAI's translation sessions came about, told only where that was asked for."""

import json
from typing import Any

import pytest

from izwi import messages as m
from izwi.errors import ProtocolViolation
from izwi.realtime.translation import TranslationWire
from tests.translation_wire import SETTINGS, append, check, connected, read, speaking, told


def with_debug(wire: TranslationWire, debug: bool) -> dict[str, Any]:
    """The session as ``session.updated`` tells it."""
    (reply,) = read(wire, "session.update", session={"debug": debug, "audio": {"output": {"language": "es"}}})
    return json.loads(reply.frames[0])["session"]


def took(stage: str, compute: float) -> m.Meta:
    return m.Meta(timings_ms={stage: m.StageTime(queue=0.5, compute=compute)}, hotword_matches=[])


def over(wire: TranslationWire) -> dict[str, Any]:
    """``session.closed`` after one utterance."""
    heard = m.TranscriptFinal(
        utterance=0, text="", start_s=0, end_s=1, language="en", engine="e", meta=took("asr", 2.0)
    )
    assert told(wire, m.TranscriptFinalMessage(data=heard)) == []
    ended = m.SessionEnded(reason="audio_end", audio_s=1, utterances=1, clauses=1, meta=took("mt", 1.0))
    (closed,) = told(wire, m.SessionEndedMessage(data=ended))
    return closed


def test_a_session_says_at_its_end_how_it_came_about_only_where_that_was_asked_for() -> None:
    assert "meta" not in over(speaking())
    wire = connected()
    assert with_debug(wire, True)["debug"] is True
    begin, _ = append(wire)
    assert begin.start.debug
    with pytest.raises(ProtocolViolation) as caught:
        with_debug(wire, False)
    assert caught.value.param == "session.debug"
    assert over(wire)["meta"]["timings_ms"] == {
        "asr": {"queue": 0.5, "compute": 2.0},
        "mt": {"queue": 0.5, "compute": 1.0},
    }


def test_a_url_may_ask_for_it() -> None:
    wire = TranslationWire("s1", SETTINGS, 0)
    (frame,) = wire.greet({"debug": "true"}, check)
    assert json.loads(frame)["session"]["debug"] is True
    reply, _ = read(wire, "session.close")
    assert json.loads(reply.frames[0])["meta"]["timings_ms"] == {}
    assert "debug" not in with_debug(connected(), False)
