"""What the messages of a server say."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from izwi.messages.base import Data
from izwi.messages.hotwords import Meta
from izwi.stages import LlmRole

LlmMark = Literal["applied", "timeout", "failed", "off"]
"""What became of a text given to the language model: only ``applied`` has changed it, or found nothing to change."""


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


class AudioCut(Data):
    """The stream was cut by command. Utterances that begin later have higher numbers."""

    utterance: int | None
    """The one that was open and ends here."""
    time_s: float


class TranscriptPartial(Data):
    utterance: int
    committed: str
    """Append-only within the utterance."""
    tentative: str
    language: str
    heard_s: float | None = Field(default=None, exclude_if=lambda value: value is None)
    """How far into the audio the pass went; present where ``session.start`` said ``debug``, after passes that changed
    nothing, too."""
    due_s: float | None = Field(default=None, exclude_if=lambda value: value is None)
    """With how much of the audio the pass was due, since the speech that asks for one had come in or the speaker
    paused; present where ``heard_s`` is."""
    update_ms: int | None = Field(default=None, exclude_if=lambda value: value is None)
    """New speech that asks for a pass; present where ``heard_s`` is."""


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
    meta: Meta | None = None
    """Present where ``session.start`` said ``debug``."""
    due_s: float | None = Field(default=None, exclude_if=lambda value: value is None)
    """With how much of the audio the last pass was due; present where ``meta`` is."""

    @model_serializer(mode="wrap")
    def _without_absent_meta(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialise(self)
        if self.meta is None:
            del fields["meta"]
        return fields


class TranscriptCorrected(Data):
    utterance: int
    text: str
    """Of the whole utterance; where the model changed nothing the text of its ``transcript.final``, which stays what it
    is."""
    llm: LlmMark
    role: LlmRole = "corrector"
    """The translator's text is in the session's ``target_language``, where ``llm`` says ``applied``."""


class Voice(Data):
    """What a speaker sounds like, for the session to go on elsewhere."""

    number: int
    """In order of appearance."""
    mean: str
    """Of the vectors of what that speaker has said: base64 of half-precision numbers."""
    windows: int
    """How many vectors those were."""


class TranscriptSpeaker(Data):
    utterance: int
    speaker: str | None
    """``SPEAKER_00``, ``SPEAKER_01`` and so on, in order of appearance; null where it cannot be told."""
    voice: Voice | None = Field(default=None, exclude=True, repr=False)
    """Stays with the server: neither clients nor the event log get it."""


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


class StageStatus(Data):
    stage: str
    working: bool
    """Nothing is lost while it is not: calls are made again until a new replica answers."""
    code: str | None = None
    """Of the error that it fails with."""


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
    """``audio_end``, or the code of the error that cut the audio off: ``audio_too_long``."""
    audio_s: float
    utterances: int
    clauses: int
    meta: Meta | None = Field(default=None, exclude_if=lambda value: value is None)
    """Of what was done since the last ``transcript.final``; present where ``session.start`` said ``debug``."""


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
