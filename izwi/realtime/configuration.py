"""What a transcription session can be set to, as OpenAI names it, and what that means to a session of ours."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from izwi import messages as m
from izwi.errors import ProtocolViolation
from izwi.fields import PaddingMs, SilenceMs, Threshold
from izwi.messages import Hotword
from izwi.messages.client import Encoding
from izwi.messages.hotwords import MOST_HOTWORDS
from izwi.messages.text import Prompt
from izwi.realtime.events import Fields, Language, Name, Unsupported, merged
from izwi.settings import Settings

PCM_RATES = (24_000, 16_000)
MANUAL_ENDPOINT_MS = 2000
"""Silence between utterances where the client commits: nobody waits for an endpoint, and the longer a text is
recognised as one the better."""
G711_RATE = 8000
ENCODINGS: dict[str, Encoding] = {"audio/pcm": "pcm_s16le", "audio/pcmu": "mulaw", "audio/pcma": "alaw"}


class Format(Fields):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: int | None = Field(default=None, validate_default=True)
    """Hz; 24 kHz PCM unless said otherwise, and G.711 has 8 kHz."""

    @field_validator("rate")
    @classmethod
    def _known(cls, rate: int | None, info: ValidationInfo) -> int:
        known = PCM_RATES if info.data.get("type", "audio/pcm") == "audio/pcm" else (G711_RATE,)
        if rate is not None and rate not in known:
            raise ValueError(f"must be one of {', '.join(map(str, known))}")
        return rate or known[0]

    @property
    def hz(self) -> int:
        return self.rate or PCM_RATES[0]

    @property
    def encoding(self) -> Encoding:
        return ENCODINGS[self.type]

    @property
    def bytes_per_s(self) -> int:
        return self.hz * (2 if self.encoding == "pcm_s16le" else 1)


class Transcription(Fields):
    model: Name | None = None
    """Any name: this server has the one model it was started with."""
    language: Language | None = None
    """ISO 639-1; found out if not given."""
    prompt: Prompt | None = None
    """What was said before, or words to expect."""
    keywords: tuple[Hotword, ...] = Field(default=(), max_length=MOST_HOTWORDS)
    """Names and terms that may be said."""
    delay: Unsupported = None
    languages: Unsupported = None


class ServerVad(Fields):
    type: Literal["server_vad"]
    threshold: Threshold = 0.5
    prefix_padding_ms: PaddingMs = 300
    silence_duration_ms: SilenceMs = 500
    create_response: Unsupported = None
    interrupt_response: Unsupported = None
    idle_timeout_ms: Unsupported = None


SERVER_VAD = ServerVad(type="server_vad")


class Input(Fields):
    """``session.audio.input``; what is not said stays as it was."""

    format: Format = Format()
    transcription: Transcription = Transcription()
    turn_detection: ServerVad | None = SERVER_VAD
    """None leaves it to the client where an utterance ends."""
    noise_reduction: Unsupported = None

    def updated(self, fields: "Input", begun: bool) -> "Input":
        """With the fields that ``fields`` sets.

        Raises:
            ProtocolViolation: one of them differs, and audio has come already.
        """
        changed = merged(self, fields)
        for name in fields.model_fields_set:
            if begun and getattr(changed, name) != getattr(self, name):
                param = f"session.audio.input.{name}"
                raise ProtocolViolation(f"{param}: cannot change once audio has come").about(param)
        return changed

    @property
    def start(self) -> m.SessionStart:
        return m.SessionStart(
            source_language=self.transcription.language or "auto",
            speech=False,
            audio=m.AudioFormat(encoding=self.format.encoding, sample_rate=self.format.hz),
            prompt=self.transcription.prompt or "",
            hotwords=self.transcription.keywords,
        )

    def applied(self, settings: Settings) -> Settings:
        """The server's settings with the turn detection of this session."""
        detection = self.turn_detection
        changes: dict[str, Any] = {"endpoint_ms": MANUAL_ENDPOINT_MS}
        if detection is not None:
            changes = {
                "threshold": detection.threshold,
                "endpoint_ms": detection.silence_duration_ms,
                "preroll_ms": detection.prefix_padding_ms,
            }
        return settings.model_copy(update={"vad": settings.vad.model_copy(update=changes)})

    def shown(self) -> dict[str, Any]:
        """As ``session.created`` and ``session.updated`` tell it."""
        audio_format: dict[str, Any] = {"type": self.format.type}
        if self.format.type == "audio/pcm":
            audio_format["rate"] = self.format.hz
        detection = self.turn_detection
        return {
            "format": audio_format,
            "transcription": self.transcription.model_dump(mode="json", exclude={"delay", "languages"}),
            "noise_reduction": None,
            "turn_detection": detection and detection.model_dump(exclude_none=True),
        }
