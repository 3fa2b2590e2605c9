"""What a client sends."""

from typing import Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationInfo, field_validator, model_validator

from izwi.messages.base import Data, Empty, Message, PingMessage, PongMessage
from izwi.messages.hotwords import MOST_HOTWORDS, MOST_LISTS, Hotword, ListName
from izwi.messages.text import Prompt
from izwi.stages import LlmRole

OPUS_RATE = 48_000
"""Hz of the clock that all Opus streams have (RFC 6716)."""
Encoding = Literal["pcm_s16le", "pcm_f32le", "mulaw", "alaw", "opus"]
_USUAL_RATES = {"mulaw": 8_000, "alaw": 8_000, "opus": OPUS_RATE}


def _usual_rate(known: dict[str, Any]) -> int:
    return _USUAL_RATES.get(known["encoding"], 16_000)


class AudioFormat(Data):
    """What the client sends. Anything but 16 kHz mono is converted."""

    encoding: Encoding = "pcm_s16le"
    """With ``opus``, every frame is one packet without a container."""
    sample_rate: int = Field(default_factory=_usual_rate, ge=8_000, le=192_000)
    """Left out: 16 kHz for PCM, 8 kHz for G.711, 48 kHz, the only one, for Opus."""
    channels: int = Field(default=1, ge=1, le=8)

    @model_validator(mode="after")
    def _opus_is_fixed(self) -> Self:
        if self.encoding == "opus" and (self.sample_rate != OPUS_RATE or self.channels > 2):
            raise ValueError("opus has a sample_rate of 48000 and one or two channels")
        return self


class SessionStart(Data):
    source_language: str = "auto"
    """ISO 639-1, or ``auto``."""
    target_language: str | None = None
    """None transcribes without translating."""
    speech: bool = True
    """Speak the translation."""
    audio: AudioFormat = AudioFormat()
    speech_transport: Literal["binary", "base64"] = "binary"
    speech_format: Literal["pcm_s16le", "opus"] = "pcm_s16le"
    """With ``opus``, each ``speech.audio`` brings packets of 20 ms; see `izwi.opus_packets.join`."""
    voice: str | None = Field(default=None, max_length=128)
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    prompt: Prompt = ""
    """What was said before, or words to expect: each pass is led by it, or by its end where it is long."""
    apply_hotword: bool = True
    """False leaves hotwords out of it, so that a client need not change the rest of its request."""
    hotwords: tuple[Hotword, ...] = Field(default=(), max_length=MOST_HOTWORDS)
    """Names and terms to expect; what is misheard for one is corrected before it is committed."""
    hotword_lists: tuple[ListName, ...] = Field(default=(), max_length=MOST_LISTS)
    """Names of stored lists of them."""
    apply_llm: bool = Field(default=False, validation_alias=AliasChoices("apply_llm", "correct_with_llm"))
    """Have a language model go over each final transcript: ``transcript.corrected`` follows. Clients, and sessions
    stored, before it had this name say ``correct_with_llm``."""
    llm_role: LlmRole = "corrector"
    """What it does: correct the text, or write it in the ``target_language``."""
    with_speaker: bool = False
    """Say who spoke: ``transcript.speaker`` follows each final transcript."""
    debug: bool = False
    """Tell of each final transcript how it came about, in its ``meta``."""

    @field_validator("hotwords", "hotword_lists")
    @classmethod
    def _only_if_applied(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return names if info.data.get("apply_hotword", True) else ()

    @model_validator(mode="after")
    def _translator_needs_a_target(self) -> Self:
        if self.apply_llm and self.llm_role == "translator" and self.target_language is None:
            raise ValueError("llm_role=translator needs a target_language")
        return self


class SessionResume(Data):
    """What a client has of an interrupted session."""

    session_id: str = Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")
    """As ``session.started`` gave it."""
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


ClientMessage = (
    SessionStartMessage | SessionResumeMessage | AudioAppendMessage | AudioEndMessage | PingMessage | PongMessage
)
