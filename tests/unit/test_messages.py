import json
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from izwi import messages as m
from izwi.errors import InvalidMessage, UnknownMessageType

SAMPLES: list[tuple[type[m.Message], dict[str, Any]]] = [
    (m.SessionStartMessage, {"source_language": "en", "target_language": "es", "audio": {"sample_rate": 48000}}),
    (m.AudioAppendMessage, {"audio": "AAAA"}),
    (m.AudioEndMessage, {}),
    (m.PingMessage, {}),
    (m.PongMessage, {}),
]


@pytest.mark.parametrize(("cls", "data"), SAMPLES)
def test_client_messages_are_told_apart_by_their_type(cls: type[m.Message], data: dict[str, Any]) -> None:
    name = cls.model_fields["type"].default
    message = m.parse_client(json.dumps({"type": name, "data": data, "timestamp": 1.5, "seq": 3}))
    assert type(message) is cls
    assert (message.timestamp, message.seq) == (1.5, 3)
    assert m.parse_client(message.model_dump_json()) == message


def test_defaults_of_a_session() -> None:
    message = m.parse_client('{"type": "session.start"}')
    assert isinstance(message, m.SessionStartMessage)
    assert message.data == m.SessionStart()
    assert message.data.audio == m.AudioFormat(encoding="pcm_s16le", sample_rate=16000, channels=1)


def start_of(**data: object) -> m.SessionStart:
    message = m.parse_client(json.dumps({"type": "session.start", "data": data}))
    assert isinstance(message, m.SessionStartMessage)
    return message.data


def test_a_session_has_the_options_of_a_recording_under_the_same_names() -> None:
    names = {"hotwords", "hotword_lists", "apply_hotword", "apply_llm", "llm_role", "with_speaker", "debug"}
    assert names <= set(m.SessionStart.model_fields)
    start = start_of(apply_llm=True, llm_role="translator", target_language="es")
    assert (start.apply_llm, start.llm_role) == (True, "translator")


def test_without_apply_hotword_hotwords_are_left_out() -> None:
    start = start_of(hotwords=["Ana"], hotword_lists=["board"], apply_hotword=False)
    assert (start.hotwords, start.hotword_lists) == ((), ())
    assert start_of(hotwords=["Ana"], apply_hotword=True).hotwords == ("Ana",)
    with pytest.raises(InvalidMessage, match="hotwords"):
        start_of(hotwords=[""], apply_hotword=False)


def test_the_name_that_apply_llm_had_before_is_still_understood() -> None:
    assert start_of(correct_with_llm=True) == start_of(apply_llm=True)
    stored = '{"source_language": "en", "correct_with_llm": true, "debug": false}'
    assert m.SessionStart.model_validate_json(stored).apply_llm
    assert '"apply_llm":true' in start_of(correct_with_llm=True).model_dump_json()
    old = '{"utterance": 0, "text": "a", "llm": "applied"}'
    assert m.TranscriptCorrected.model_validate_json(old).role == "corrector"


@pytest.mark.parametrize("text", ["", "hello", "{", b"\xff\xfe", '{"type": "ping"'])
def test_what_is_not_json_is_invalid(text: str | bytes) -> None:
    with pytest.raises(InvalidMessage, match="not valid JSON"):
        m.parse_client(text)


@pytest.mark.parametrize("text", ["{}", '{"type": "session.stop"}', '{"type": 7}', '{"type": "session.started"}'])
def test_an_unknown_type_is_told_with_the_known_ones(text: str) -> None:
    with pytest.raises(UnknownMessageType):
        m.parse_client(text)


@pytest.mark.parametrize("text", ["[]", "7", "null", '"ping"'])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises((InvalidMessage, UnknownMessageType)):
        m.parse_client(text)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"speed": 9}, "speed"),
        ({"audio": {"sample_rate": 7999}}, "sample_rate"),
        ({"audio": {"encoding": "mp3"}}, "encoding"),
        ({"colour": "red"}, "colour"),
        ({"speech": "perhaps"}, "speech"),
        ({"apply_llm": "perhaps"}, "apply_llm"),
        ({"apply_llm": True, "llm_role": "poet"}, "llm_role"),
        ({"apply_llm": True, "llm_role": "translator"}, "target_language"),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_its_value_is_not_repeated(data: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidMessage, match=where):
        m.parse_client(json.dumps({"type": "session.start", "data": data}))


def test_every_message_has_a_type_of_its_own() -> None:
    for union in (m.ClientMessage, m.ServerMessage):
        names = [cls.model_fields["type"].default for cls in get_args(union)]
        assert len(set(names)) == len(names)


def test_only_what_a_reconnecting_client_needs_again_is_durable() -> None:
    durable = {cls.model_fields["type"].default for cls in get_args(m.ServerMessage) if cls.durable}
    assert durable >= {"transcript.committed", "transcript.final", "translation.committed", "session.ended"}
    assert durable >= {"speech.merged", "speech.skipped"}
    assert not durable & {"transcript.partial", "speech.audio", "audio.progress", "ping", "pong", "error"}


def test_server_messages_survive_the_wire() -> None:
    word = m.WordData(text=" señor", start_s=0.1, end_s=0.5, confidence=0.9)
    data: BaseModel = m.TranscriptCommitted(utterance=1, text=" señor", words=[word], language="es")
    message = m.TranscriptCommittedMessage(data=data, seq=4, timestamp=2.0)
    assert m.parse_server(message.model_dump_json()) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KINDS = [cls.model_fields["type"].default for cls, _ in SAMPLES] + ["session.resume", "session.ended", "dance"]
FRAMES = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(KINDS) | JSON, "data": JSON, "seq": JSON, "timestamp": JSON, "other": JSON}
)


@given(FRAMES.map(json.dumps) | JSON.map(json.dumps) | st.text() | st.binary())
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_is_a_message_or_a_typed_error(frame: str | bytes) -> None:
    told = ""
    try:
        message = m.parse_client(frame)
    except (InvalidMessage, UnknownMessageType) as error:
        told = str(error)
    else:
        assert m.parse_client(message.model_dump_json()) == message
        return
    assert 0 < len(told) < 1000
