"""What a client of a transcription session sends."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from izwi.realtime.configuration import Input
from izwi.realtime.events import ClientEvent, Fields, Unsupported


class AudioFields(Fields):
    input: Input = Input()


class SessionFields(Fields):
    type: Literal["transcription"] = "transcription"
    audio: AudioFields = AudioFields()
    include: Unsupported = None
    debug: bool | None = None
    """Ours: ``completed`` has ``meta``."""


class SessionUpdate(ClientEvent):
    type: Literal["session.update"]
    session: SessionFields


class Append(ClientEvent):
    type: Literal["input_audio_buffer.append"]
    audio: str


class Commit(ClientEvent):
    type: Literal["input_audio_buffer.commit"]


class Clear(ClientEvent):
    type: Literal["input_audio_buffer.clear"]


CLIENT_EVENTS: TypeAdapter[SessionUpdate | Append | Commit | Clear] = TypeAdapter(
    Annotated[SessionUpdate | Append | Commit | Clear, Field(discriminator="type")]
)
