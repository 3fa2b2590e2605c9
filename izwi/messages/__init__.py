"""The native wire protocol, version 1.0: every message as a type.

A text frame is ``{"type", "data", "timestamp", "seq"}``. ``seq`` numbers the durable events of a session (marked
below): a durable frame carries its own number, any other frame the number of the last durable one, so that
"the last seq I have" is always well defined. Binary frames from the client are audio in the format
announced by ``session.start``; a binary frame from the server belongs to the ``speech.audio`` before it.
"""

from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from izwi.errors import InvalidMessage, UnknownMessageType
from izwi.messages.base import (
    Data,
    Empty,
    Message,
    PingMessage,
    PongMessage,
)
from izwi.messages.client import (
    OPUS_RATE,
    AudioAppend,
    AudioAppendMessage,
    AudioEndMessage,
    AudioFormat,
    ClientMessage,
    SessionResume,
    SessionResumeMessage,
    SessionStart,
    SessionStartMessage,
)
from izwi.messages.hotwords import Hotword, HotwordMatch, ListName, Meta, StageTime
from izwi.messages.server import (
    AudioCutMessage,
    AudioProgressMessage,
    EngineSwitchedMessage,
    ErrorMessage,
    ServerMessage,
    SessionEndedMessage,
    SessionGoingAwayMessage,
    SessionLoadMessage,
    SessionResumableMessage,
    SessionResumedMessage,
    SessionStartedMessage,
    SpeechAudioMessage,
    SpeechEndedMessage,
    SpeechMergedMessage,
    SpeechSkippedMessage,
    SpeechStartedMessage,
    StageStatusMessage,
    TranscriptCommittedMessage,
    TranscriptCorrectedMessage,
    TranscriptFinalMessage,
    TranscriptPartialMessage,
    TranscriptSpeakerMessage,
    TranslationCommittedMessage,
)
from izwi.messages.server_data import (
    AudioCut,
    AudioProgress,
    EngineSwitched,
    ErrorData,
    LlmMark,
    SessionEnded,
    SessionGoingAway,
    SessionLoad,
    SessionResumable,
    SessionResumed,
    SessionStarted,
    SpeechAudio,
    SpeechBoundary,
    SpeechMerged,
    SpeechSkipped,
    StageStatus,
    TranscriptCommitted,
    TranscriptCorrected,
    TranscriptFinal,
    TranscriptPartial,
    TranscriptSpeaker,
    TranslationCommitted,
    Voice,
    WordData,
)

__all__ = [
    "OPUS_RATE",
    "AudioAppend",
    "AudioAppendMessage",
    "AudioCut",
    "AudioCutMessage",
    "AudioEndMessage",
    "AudioFormat",
    "AudioProgress",
    "AudioProgressMessage",
    "ClientMessage",
    "Data",
    "Empty",
    "EngineSwitched",
    "EngineSwitchedMessage",
    "ErrorData",
    "ErrorMessage",
    "Hotword",
    "HotwordMatch",
    "ListName",
    "LlmMark",
    "Message",
    "Meta",
    "PingMessage",
    "PongMessage",
    "ServerMessage",
    "SessionEnded",
    "SessionEndedMessage",
    "SessionGoingAway",
    "SessionGoingAwayMessage",
    "SessionLoad",
    "SessionLoadMessage",
    "SessionResumable",
    "SessionResumableMessage",
    "SessionResume",
    "SessionResumeMessage",
    "SessionResumed",
    "SessionResumedMessage",
    "SessionStart",
    "SessionStartMessage",
    "SessionStarted",
    "SessionStartedMessage",
    "SpeechAudio",
    "SpeechAudioMessage",
    "SpeechBoundary",
    "SpeechEndedMessage",
    "SpeechMerged",
    "SpeechMergedMessage",
    "SpeechSkipped",
    "SpeechSkippedMessage",
    "SpeechStartedMessage",
    "StageStatus",
    "StageStatusMessage",
    "StageTime",
    "TranscriptCommitted",
    "TranscriptCommittedMessage",
    "TranscriptCorrected",
    "TranscriptCorrectedMessage",
    "TranscriptFinal",
    "TranscriptFinalMessage",
    "TranscriptPartial",
    "TranscriptPartialMessage",
    "TranscriptSpeaker",
    "TranscriptSpeakerMessage",
    "TranslationCommitted",
    "TranslationCommittedMessage",
    "Voice",
    "WordData",
    "parse_client",
    "parse_server",
]

CLIENT_MESSAGES: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])
SERVER_MESSAGES: TypeAdapter[ServerMessage] = TypeAdapter(Annotated[ServerMessage, Field(discriminator="type")])


def parse_client(text: str | bytes) -> ClientMessage:
    """Read a client's text frame.

    Raises:
        InvalidMessage: not JSON, not an object, or a field that does not fit.
        UnknownMessageType: an object whose ``type`` we do not know.
    """
    return _parse(CLIENT_MESSAGES, text)


def parse_server(text: str | bytes) -> ServerMessage:
    """Read a server's text frame; raises as `parse_client` does."""
    return _parse(SERVER_MESSAGES, text)


T = TypeVar("T")


def _parse(adapter: TypeAdapter[T], text: str | bytes) -> T:
    try:
        raw: Any = from_json(text)
    except ValueError as error:
        raise InvalidMessage(f"not valid JSON: {error}") from None
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"].startswith("union_tag"):
            raise UnknownMessageType(f"unknown message type; {first['msg'][:300]}") from None
        where = ".".join(str(part) for part in first["loc"][1:]) or "message"
        raise InvalidMessage(f"{where}: {first['msg']}") from None
