"""The native wire protocol, version 1.0: every message as a type.

A text frame is ``{"type", "data", "timestamp", "seq"}``. ``seq`` numbers the durable events of a session (marked
below): a durable frame carries its own number, any other frame the number of the last durable one, so that
"the last seq I have" is always well defined. Binary frames from the client are audio in the format
announced by ``session.start``; a binary frame from the server belongs to the ``speech.audio`` before it.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from izwi.errors import InvalidMessage, UnknownMessageType


class Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioFormat(Data):
    """What the client sends. Anything but 16 kHz mono is converted."""

    encoding: Literal["pcm_s16le", "pcm_f32le"] = "pcm_s16le"
    sample_rate: int = Field(default=16_000, ge=8_000, le=192_000)
    channels: int = Field(default=1, ge=1, le=8)


class SessionStart(Data):
    source_language: str = "auto"
    """ISO 639-1, or ``auto``."""
    target_language: str | None = None
    """None transcribes without translating."""
    speech: bool = True
    """Speak the translation."""
    audio: AudioFormat = AudioFormat()
    speech_transport: Literal["binary", "base64"] = "binary"
    voice: str | None = None
    speed: float = Field(default=1.0, ge=0.25, le=4.0)


class SessionResume(Data):
    """What a client has of an interrupted session."""

    session_id: str = Field(max_length=64)
    resume_token: str = Field(max_length=128)
    last_seq: int = Field(default=0, ge=0)
    """Of the last frame received."""
    acknowledged_samples: int = Field(default=0, ge=0, le=2**40)
    """Of the last ``audio.progress``; audio from there on is still at hand."""
    clause: int = Field(default=0, ge=0)
    """The first clause whose speech has not been received in full."""
    clause_samples: int = Field(default=0, ge=0)
    """Samples of that clause's speech that have been received."""
    clause_speed: float = Field(default=1.0, ge=1, le=2)
    """``speed`` of that speech."""


class AudioAppend(Data):
    audio: str
    """Base64 of the bytes a binary frame would have held."""


class Empty(Data):
    pass


class WordData(Data):
    text: str
    start_s: float
    end_s: float
    confidence: float


class SessionStarted(Data):
    session_id: str
    protocol: str
    window_samples: int
    """Samples (16 kHz) the client may be ahead of the last ``audio.progress``."""
    engines: dict[str, list[str]]
    """Per stage, in order of preference."""
    resume_token: str
    """Resumes the session over another connection; whoever has it can."""
    resumable: bool
    """False while the server cannot store the session."""


class SessionResumed(Data):
    session_id: str
    protocol: str
    window_samples: int
    from_samples: int
    """Offset in the stream (16 kHz) of the first sample to send now; the durable events that were missed follow."""


class SessionResumable(Data):
    resumable: bool
    """Whether the session would survive the loss of its connection now."""


class AudioProgress(Data):
    received_samples: int
    """Samples (16 kHz) taken in; the client's credit counts from here."""
    acknowledged_samples: int
    """Everything before this offset is reflected in durable events."""


class SpeechBoundary(Data):
    utterance: int
    time_s: float


class TranscriptPartial(Data):
    utterance: int
    committed: str
    """Append-only within the utterance."""
    tentative: str
    language: str


class TranscriptCommitted(Data):
    utterance: int
    text: str
    """Only what is new; concatenated over an utterance it gives the final text."""
    words: list[WordData]
    language: str


class TranscriptFinal(Data):
    utterance: int
    text: str
    start_s: float
    end_s: float
    language: str
    engine: str


class TranslationCommitted(Data):
    clause: int
    utterance: int
    source: str
    text: str
    source_language: str
    target_language: str
    start_s: float
    end_s: float
    engine: str
    """``none`` where the speaker already speaks the target language."""


class SpeechAudio(Data):
    clause: int
    engine: str
    sample_rate: int
    samples: int
    last: bool
    """The clause is complete; its closing message holds no samples and no binary frame follows."""
    audio: str | None = None
    """Base64 PCM16; null when a binary frame follows."""
    speed: float = 1.0
    """Times the speed asked for: above 1 the clause is hurried because speech is behind."""
    backlog_s: float = 0.0
    """How far speech was behind when the clause's turn came: sent and not yet played, or waiting, estimated."""


class SpeechMerged(Data):
    clause: int
    into: int
    """An earlier clause; the audio under its number says both."""


class SpeechSkipped(Data):
    clause: int
    reason: str


class EngineSwitched(Data):
    stage: str
    before: str
    after: str


class SessionLoad(Data):
    level: Literal["normal", "stretched", "captions_only"]
    """Under load, partial transcripts come more rarely first; then translations are not spoken."""
    update_ms: int
    """Audio between two updates, on average."""


class SessionGoingAway(Data):
    """The server stops soon and takes no more audio."""

    reason: str
    resume_token: str | None
    """Go on with it over another connection; null where this server is the only one: then what it has is finished."""


class SessionEnded(Data):
    reason: str
    audio_s: float
    utterances: int
    clauses: int


class ErrorData(Data):
    code: str
    message: str
    retryable: bool
    fatal: bool
    """The server closes the session after this."""
    request_id: str
    retry_after_s: float | None = None
    """When trying again makes sense, where the server can tell."""
    utterance: int | None = None
    """The utterance that could not be recognised, or could only in part."""
    clause: int | None = None
    """The clause that could not be translated or spoken."""


class Message(BaseModel):
    """The frame around every message."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    durable: ClassVar[bool] = False
    timestamp: float = 0.0
    """Sender's wall clock, seconds since the epoch."""
    seq: int = 0


# --- client to server -------------------------------------------------------------------------------------------
class SessionStartMessage(Message):
    type: Literal["session.start"] = "session.start"
    data: SessionStart = SessionStart()


class SessionResumeMessage(Message):
    """Instead of ``session.start``."""

    type: Literal["session.resume"] = "session.resume"
    data: SessionResume


class AudioAppendMessage(Message):
    type: Literal["audio.append"] = "audio.append"
    data: AudioAppend


class AudioEndMessage(Message):
    """No more audio: finish what is there, then end the session."""

    type: Literal["audio.end"] = "audio.end"
    data: Empty = Empty()


class PingMessage(Message):
    type: Literal["ping"] = "ping"
    data: Empty = Empty()


class PongMessage(Message):
    type: Literal["pong"] = "pong"
    data: Empty = Empty()


ClientMessage = (
    SessionStartMessage | SessionResumeMessage | AudioAppendMessage | AudioEndMessage | PingMessage | PongMessage
)


# --- server to client -------------------------------------------------------------------------------------------
class SessionStartedMessage(Message):
    type: Literal["session.started"] = "session.started"
    data: SessionStarted


class SessionResumedMessage(Message):
    type: Literal["session.resumed"] = "session.resumed"
    data: SessionResumed


class SessionResumableMessage(Message):
    """Sent when it changes."""

    type: Literal["session.resumable"] = "session.resumable"
    data: SessionResumable


class AudioProgressMessage(Message):
    type: Literal["audio.progress"] = "audio.progress"
    data: AudioProgress


class SpeechStartedMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["speech.started"] = "speech.started"
    data: SpeechBoundary


class SpeechEndedMessage(Message):
    type: Literal["speech.ended"] = "speech.ended"
    data: SpeechBoundary


class TranscriptPartialMessage(Message):
    type: Literal["transcript.partial"] = "transcript.partial"
    data: TranscriptPartial


class TranscriptCommittedMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["transcript.committed"] = "transcript.committed"
    data: TranscriptCommitted


class TranscriptFinalMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["transcript.final"] = "transcript.final"
    data: TranscriptFinal


class TranslationCommittedMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["translation.committed"] = "translation.committed"
    data: TranslationCommitted


class SpeechAudioMessage(Message):
    type: Literal["speech.audio"] = "speech.audio"
    data: SpeechAudio


class SpeechMergedMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["speech.merged"] = "speech.merged"
    data: SpeechMerged


class SpeechSkippedMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["speech.skipped"] = "speech.skipped"
    data: SpeechSkipped


class EngineSwitchedMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["engine.switched"] = "engine.switched"
    data: EngineSwitched


class SessionLoadMessage(Message):
    """Sent when the level changes, and when updates become twice or half as frequent."""

    type: Literal["session.load"] = "session.load"
    data: SessionLoad


class SessionGoingAwayMessage(Message):
    type: Literal["session.going_away"] = "session.going_away"
    data: SessionGoingAway


class SessionEndedMessage(Message):
    durable: ClassVar[bool] = True
    type: Literal["session.ended"] = "session.ended"
    data: SessionEnded


class ErrorMessage(Message):
    type: Literal["error"] = "error"
    data: ErrorData


ServerMessage = (
    SessionStartedMessage
    | SessionResumedMessage
    | SessionResumableMessage
    | AudioProgressMessage
    | SpeechStartedMessage
    | SpeechEndedMessage
    | TranscriptPartialMessage
    | TranscriptCommittedMessage
    | TranscriptFinalMessage
    | TranslationCommittedMessage
    | SpeechAudioMessage
    | SpeechMergedMessage
    | SpeechSkippedMessage
    | EngineSwitchedMessage
    | SessionLoadMessage
    | SessionGoingAwayMessage
    | SessionEndedMessage
    | ErrorMessage
    | PingMessage
    | PongMessage
)

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
