"""What a server sends; ``durable`` messages are numbered and outlive the connection."""

from typing import ClassVar, Literal

from izwi.messages.base import Message, PingMessage, PongMessage
from izwi.messages.server_data import (
    AudioCut,
    AudioProgress,
    EngineSwitched,
    ErrorData,
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
)


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


class AudioCutMessage(Message):
    """Tells the adapters of protocols whose clients commit audio themselves; on ``/ws/stream`` nobody can."""

    type: Literal["audio.cut"] = "audio.cut"
    data: AudioCut


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


class TranscriptCorrectedMessage(Message):
    """A language model has gone over a final transcript; nothing waits for it, and after a resume it may be missing."""

    durable: ClassVar[bool] = True
    type: Literal["transcript.corrected"] = "transcript.corrected"
    data: TranscriptCorrected


class TranscriptSpeakerMessage(Message):
    """Nothing waits for it, and after a resume it may be missing."""

    durable: ClassVar[bool] = True
    type: Literal["transcript.speaker"] = "transcript.speaker"
    data: TranscriptSpeaker


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


class StageStatusMessage(Message):
    """A stage has lost a replica or does not answer, or works again."""

    type: Literal["stage.status"] = "stage.status"
    data: StageStatus


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
    | AudioCutMessage
    | TranscriptPartialMessage
    | TranscriptCommittedMessage
    | TranscriptFinalMessage
    | TranscriptCorrectedMessage
    | TranscriptSpeakerMessage
    | TranslationCommittedMessage
    | SpeechAudioMessage
    | SpeechMergedMessage
    | SpeechSkippedMessage
    | EngineSwitchedMessage
    | SessionLoadMessage
    | StageStatusMessage
    | SessionGoingAwayMessage
    | SessionEndedMessage
    | ErrorMessage
    | PingMessage
    | PongMessage
)
