"""OpenAI's translation sessions without a socket: what a client sends, and what a session tells its wire."""

import base64
import json
from typing import Any

from izwi import messages as m
from izwi.errors import UnsupportedLanguage, UnsupportedPair
from izwi.realtime.translation import TranslationWire
from izwi.settings import Settings

SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
AUDIO = base64.b64encode(bytes(9600)).decode()


def check(start: m.SessionStart) -> None:
    if start.source_language not in ("auto", "en"):
        raise UnsupportedLanguage("no such ears")
    if start.target_language not in (None, "es", "en"):
        raise UnsupportedPair("no such tongue")


def connected() -> TranslationWire:
    wire = TranslationWire("s1", SETTINGS, 1_700_000_000)
    (frame,) = wire.greet({"model": "gpt-realtime-translate"}, check)
    event = json.loads(frame)
    assert event["type"] == "session.created"
    assert event["session"] == {
        "type": "translation",
        "id": "sess_s1",
        "model": "gpt-realtime-translate",
        "expires_at": 1_700_000_000,
        "audio": {"input": {"transcription": None, "noise_reduction": None}, "output": {"language": None}},
    }
    return wire


def read(wire: TranslationWire, type: str, **fields: Any) -> Any:
    return wire.read(json.dumps({"type": type, **fields}))


def update(wire: TranslationWire, **audio: Any) -> dict[str, Any]:
    (reply,) = read(wire, "session.update", session={"audio": audio})
    event = json.loads(reply.frames[0])
    assert event["type"] == "session.updated"
    return event["session"]["audio"]


def append(wire: TranslationWire) -> Any:
    return read(wire, "session.input_audio_buffer.append", audio=AUDIO)


def speaking() -> TranslationWire:
    """A session with both transcripts, whose audio has begun."""
    wire = connected()
    update(wire, input={"transcription": {"model": "any"}}, output={"language": "es"})
    append(wire)
    return wire


def told(wire: TranslationWire, message: m.ServerMessage, payload: bytes | None = None) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in wire.write(message, payload)]
