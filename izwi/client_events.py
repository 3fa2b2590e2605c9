"""What a client session yields: the server's messages as typed events, speech joined to its audio."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from izwi.messages import (
    AudioCutMessage,
    AudioProgressMessage,
    EngineSwitchedMessage,
    ErrorMessage,
    SessionEndedMessage,
    SessionGoingAwayMessage,
    SessionLoadMessage,
    SessionResumableMessage,
    SessionResumedMessage,
    SessionStartedMessage,
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


@dataclass(frozen=True)
class Speech:
    """A piece of translated speech: ``pcm`` is mono int16 of shape (n,), empty where ``last`` closes the clause."""

    clause: int
    engine: str
    sample_rate: int
    pcm: npt.NDArray[np.int16]
    last: bool
    speed: float = 1.0
    """Times the speed asked for."""
    backlog_s: float = 0.0
    """How far speech was behind when the clause's turn came."""


Event = (
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
    | Speech
    | SpeechMergedMessage
    | SpeechSkippedMessage
    | EngineSwitchedMessage
    | SessionLoadMessage
    | StageStatusMessage
    | SessionGoingAwayMessage
    | SessionEndedMessage
    | ErrorMessage
)
"""What a session yields: the server's messages, with speech joined to its audio and without pings."""
