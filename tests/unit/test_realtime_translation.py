"""OpenAI's translation sessions on literals: no socket, no session."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from izwi import messages as m
from izwi.errors import ClientError, InvalidMessage, ProtocolViolation
from izwi.realtime.speech_resampler import RATE
from izwi.realtime.translation import LANGUAGE, SPOKEN, TranslationWire
from izwi.wire import Audio, Begin, End, Leave
from tests.translation_wire import AUDIO, SETTINGS, append, check, connected, read, speaking, told, update


def heard(utterance: int, text: str, end_s: float) -> m.ServerMessage:
    words = [m.WordData(text=text, start_s=0, end_s=end_s, confidence=1)]
    return m.TranscriptCommittedMessage(
        data=m.TranscriptCommitted(utterance=utterance, text=text, words=words, language="en")
    )


def translated(clause: int, text: str, end_s: float) -> m.ServerMessage:
    return m.TranslationCommittedMessage(
        data=m.TranslationCommitted(
            clause=clause,
            utterance=0,
            source="",
            text=text,
            source_language="en",
            target_language="es",
            start_s=0,
            end_s=end_s,
            engine="e",
        )
    )


def spoken(clause: int, samples: int, last: bool = False, rate: int = RATE) -> m.ServerMessage:
    data = m.SpeechAudio(clause=clause, engine="e", sample_rate=rate, samples=samples, last=last)
    return m.SpeechAudioMessage(data=data)


def test_the_first_audio_begins_with_what_was_set() -> None:
    wire = connected()
    shown = update(wire, input={"transcription": {"model": "m", "language": "en"}}, output={"language": "es"})
    assert shown["output"] == {"language": "es"}
    begin, audio = append(wire)
    assert begin == Begin(
        m.SessionStart(source_language="en", target_language="es", audio=m.AudioFormat(sample_rate=24_000)), SETTINGS
    )
    assert audio == Audio(bytes(9600))
    assert append(wire) == [Audio(bytes(9600))]


def test_audio_before_a_language_is_refused_and_the_field_named() -> None:
    wire = connected()
    with pytest.raises(ProtocolViolation) as caught:
        append(wire)
    assert caught.value.param == LANGUAGE
    update(wire, output={"language": "es"})
    assert len(append(wire)) == 2


def test_the_language_can_change_until_audio_has_come() -> None:
    wire = connected()
    for language in ("es", "en", "es"):
        update(wire, output={"language": language})
    append(wire)
    update(wire, output={"language": "es"}, input={"transcription": {"model": "m"}})
    for audio, param in (
        ({"output": {"language": "en"}}, LANGUAGE),
        ({"input": {"transcription": {"language": "en"}}}, SPOKEN),
    ):
        with pytest.raises(ProtocolViolation) as caught:
            update(wire, **audio)
        assert caught.value.param == param


def test_what_an_update_leaves_out_stays() -> None:
    wire = connected()
    update(wire, input={"transcription": {"language": "en"}}, output={"language": "es"})
    shown = update(wire, input={"transcription": {"model": "m"}})
    assert shown["input"]["transcription"] == {"model": "m", "language": "en"}
    assert shown["output"] == {"language": "es"}
    assert update(wire, input={"transcription": None})["input"]["transcription"] is None
    assert update(wire, input={"transcription": {}})["input"]["transcription"] == {"model": None, "language": None}


@pytest.mark.parametrize(
    ("audio", "param"),
    [
        ({"output": {"language": "tlh"}}, LANGUAGE),
        ({"output": {"language": 7}}, LANGUAGE),
        ({"output": {"language": "es"}, "input": {"transcription": {"language": "xx"}}}, SPOKEN),
        ({"output": {"voice": "ash"}}, "session.audio.output.voice"),
        ({"input": {"noise_reduction": {"type": "far_field"}}}, "session.audio.input.noise_reduction"),
        ({"input": {"turn_detection": None}}, "session.audio.input.turn_detection"),
    ],
)
def test_a_field_that_is_not_supported_is_named(audio: dict[str, Any], param: str) -> None:
    with pytest.raises(ClientError) as caught:
        update(connected(), **audio)
    assert caught.value.param == param


def test_transcription_sessions_events_are_not_known_here() -> None:
    with pytest.raises(ClientError, match=r"session\.input_audio_buffer\.append"):
        read(connected(), "input_audio_buffer.append", audio=AUDIO)


def test_closing_finishes_what_is_there_and_nothing_comes_after() -> None:
    wire = speaking()
    assert read(wire, "session.close") == [End()]
    assert read(wire, "session.close") == []
    with pytest.raises(ProtocolViolation, match=r"after session\.close"):
        append(wire)
    ended = m.SessionEnded(reason="audio_end", audio_s=1, utterances=0, clauses=0)
    assert [event["type"] for event in told(wire, m.SessionEndedMessage(data=ended))] == ["session.closed"]


def test_closing_before_any_audio_closes_at_once() -> None:
    reply, leave = read(connected(), "session.close")
    assert json.loads(reply.frames[0])["type"] == "session.closed"
    assert leave == Leave()


def test_transcripts_only_have_to_be_appended() -> None:
    wire = speaking()
    events = [
        *told(wire, heard(0, "Good", 0.5)),
        *told(wire, heard(0, " morning.", 1.04)),
        *told(wire, translated(0, "Buenos días.", 1.04)),
        *told(wire, heard(1, "Thanks.", 3.0)),
        *told(wire, translated(1, "Gracias.", 3.0)),
    ]
    texts: dict[str, str] = {}
    for event in events:
        texts[event["type"]] = texts.get(event["type"], "") + event["delta"]
    assert texts == {
        "session.input_transcript.delta": "Good morning. Thanks.",
        "session.output_transcript.delta": "Buenos días. Gracias.",
    }
    assert [event["elapsed_ms"] for event in events] == [500, 1040, 1040, 3000, 3000]


def test_what_the_speaker_says_is_told_only_if_asked_for() -> None:
    wire = connected()
    update(wire, output={"language": "es"})
    append(wire)
    assert told(wire, heard(0, "Good", 0.5)) == []
    update(wire, input={"transcription": {"model": "m"}})
    assert told(wire, heard(1, "morning", 0.9))[0]["delta"] == " morning"


def test_speech_carries_its_format_and_the_end_of_what_it_translates() -> None:
    wire = speaking()
    told(wire, translated(0, "Sí.", 1.2))
    pcm = np.arange(240, dtype="<i2").tobytes()
    (event,) = told(wire, spoken(0, 240), pcm)
    assert event.pop("event_id")
    assert event == {
        "type": "session.output_audio.delta",
        "delta": base64.b64encode(pcm).decode(),
        "sample_rate": 24_000,
        "channels": 1,
        "format": "pcm16",
        "elapsed_ms": 1200,
    }
    assert told(wire, spoken(0, 0, last=True)) == []


def test_speech_that_is_skipped_is_told() -> None:
    (event,) = told(speaking(), m.SpeechSkippedMessage(data=m.SpeechSkipped(clause=3, reason="too far behind")))
    assert (event["type"], event["error"]["code"], event["error"]["param"]) == ("error", "speech_skipped", None)
    assert "too far behind" in event["error"]["message"]


def test_a_model_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidMessage) as caught:
        TranslationWire("s1", SETTINGS, 0).greet({"model": ""}, check)
    assert caught.value.param == "model"
