"""OpenAI's transcription sessions without a socket: what a client sends, and what a session tells its wire."""

import base64
import json
from typing import Any

from izwi import messages as m
from izwi.errors import (
    UnsupportedLanguage,
)
from izwi.realtime.transcription import TranscriptionWire
from izwi.settings import Settings
from izwi.wire import Reply

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
