"""Izwi's own protocol, version 1.0, as a wire: messages are commands and events already. See docs/protocol.md."""

import base64
import binascii
from collections.abc import Mapping, Sequence

from izwi import messages as m
from izwi.errors import InvalidMessage, IzwiError
from izwi.events import Emit
from izwi.settings import Settings
from izwi.wire import Audio, Begin, Check, Command, End, Frame, Frames, Ping, Pong, Resume


class NativeWire:
    """See `izwi.wire.Wire`."""

    greets = False
    resumes = True
    pongs = True

    def __init__(self, settings: Settings) -> None:
        self.ahead_s = settings.session.audio_queue / 2
        self._settings = settings

    def greet(self, query: Mapping[str, str], check: Check) -> Frames:
        return []

    def read(self, frame: Frame) -> Sequence[Command]:
        if isinstance(frame, bytes):
            return [Audio(frame)]
        match m.parse_client(frame):
            case m.SessionStartMessage(data=start):
                return [Begin(start, self._settings)]
            case m.SessionResumeMessage(data=wanted):
                return [Resume(wanted)]
            case m.AudioAppendMessage(data=data):
                return [Audio(_decode(data.audio))]
            case m.AudioEndMessage():
                return [End()]
            case m.PingMessage():
                return [Ping()]
            case m.PongMessage():
                return [Pong()]

    def write(self, message: m.ServerMessage, payload: bytes | None = None) -> Frames:
        text = message.model_dump_json()
        return [text] if payload is None else [text, payload]

    def fault(self, error: IzwiError, told: m.ErrorMessage) -> Frames:
        return self.write(told)


def in_text(emit: Emit) -> Emit:
    """Speech as base64 in its own message, for clients without binary frames."""

    async def emit_text(message: m.ServerMessage, payload: bytes | None) -> None:
        if payload is not None and isinstance(message, m.SpeechAudioMessage):
            audio = base64.b64encode(payload).decode()
            message = message.model_copy(update={"data": message.data.model_copy(update={"audio": audio})})
            payload = None
        await emit(message, payload)

    return emit_text


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMessage("data.audio is not base64") from None
