"""What a client of a translation session sends."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from izwi.realtime.events import ClientEvent, Fields, Language, Name, Unsupported


class SourceTranscription(Fields):
    model: Name | None = None
    language: Language | None = None
    """Of the speaker; found out if not given."""


class Input(Fields):
    transcription: SourceTranscription | None = None
    """None keeps what the speaker says to ourselves."""
    noise_reduction: Unsupported = None


class Output(Fields):
    language: Language | None = None
    voice: Unsupported = None


class AudioFields(Fields):
    input: Input = Input()
    output: Output = Output()


class SessionFields(Fields):
    type: Literal["translation"] = "translation"
    audio: AudioFields = AudioFields()
    debug: bool | None = None
    """Ours: ``session.closed`` has ``meta``."""


class SessionUpdate(ClientEvent):
    type: Literal["session.update"]
    session: SessionFields


class Append(ClientEvent):
    type: Literal["session.input_audio_buffer.append"]
    audio: str


class Close(ClientEvent):
    type: Literal["session.close"]


CLIENT_EVENTS: TypeAdapter[SessionUpdate | Append | Close] = TypeAdapter(
    Annotated[SessionUpdate | Append | Close, Field(discriminator="type")]
)
