"""What a session produced, gathered event by event, and what is missing from it. Pure."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from izwi.catalog import STAGES
from izwi.client_events import Event, Speech
from izwi.latency import LatencyMeter
from izwi.messages import (
    EngineSwitchedMessage,
    ErrorMessage,
    SessionEndedMessage,
    SessionResumableMessage,
    SessionResumedMessage,
    SessionStartedMessage,
    SpeechMergedMessage,
    SpeechSkippedMessage,
    StageStatusMessage,
    TranscriptFinal,
    TranscriptFinalMessage,
    TranscriptSpeakerMessage,
    TranslationCommitted,
    TranslationCommittedMessage,
)
from izwi.pacing import SendClock
from izwi.subtitles import Cue


@dataclass(frozen=True)
class Heard:
    """A piece of speech and when it came, in seconds on the sender's clock."""

    at: float
    speech: Speech


@dataclass
class Record:
    """Fed with every event of one session and its time of arrival."""

    sent: SendClock
    started_at: float
    """When the first audio was sent, on the sender's clock, seconds."""
    finals: list[TranscriptFinal] = field(default_factory=list[TranscriptFinal])
    speakers: dict[int, str] = field(default_factory=dict[int, str])
    """By utterance, where that is known."""
    translations: list[TranslationCommitted] = field(default_factory=list[TranslationCommitted])
    heard: list[Heard] = field(default_factory=list[Heard])
    notices: list[str] = field(default_factory=list[str])
    engines: dict[str, list[str]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    """Per stage, the engines that did the work, in order of first use."""
    audio_s: float = 0.0
    ended_at: float = 0.0

    def __post_init__(self) -> None:
        self.meter = LatencyMeter(self.sent)

    def add(self, event: Event, at: float) -> None:
        self.meter.add(event, at)
        match event:
            case SessionStartedMessage(data=data):
                self._used("vad", *data.engines.get("vad", [])[:1])
            case TranscriptFinalMessage(data=data) if data.text.strip():
                self._used("asr", data.engine)
                self.finals.append(data)
            case TranscriptSpeakerMessage(data=data):
                self.speakers |= {data.utterance: data.speaker} if data.speaker else {}
            case TranslationCommittedMessage(data=data) if data.text.strip():
                self._used("mt", data.engine)
                self.translations.append(data)
            case Speech() if len(event.pcm):
                self._used("tts", event.engine)
                self.heard.append(Heard(at, event))
            case _:
                if text := notice(event):
                    self.notices.append(text)
        if isinstance(event, EngineSwitchedMessage):
            self._used(event.data.stage, event.data.after)
        if isinstance(event, SessionEndedMessage):
            self.audio_s, self.ended_at = event.data.audio_s, at

    @property
    def wall_s(self) -> float:
        """From the first audio sent to the end of the session."""
        return self.ended_at - self.started_at

    @property
    def transcript(self) -> str:
        return " ".join(final.text.strip() for final in self.finals)

    @property
    def translation(self) -> str:
        return " ".join(item.text.strip() for item in self.translations)

    def attributed(self, final: TranscriptFinal) -> str:
        """What was said in an utterance, after who said it."""
        speaker = self.speakers.get(final.utterance)
        return f"{speaker}: {final.text.strip()}" if speaker else final.text.strip()

    def source_cues(self) -> list[Cue]:
        return [Cue(final.start_s, final.end_s, self.attributed(final)) for final in self.finals]

    def target_cues(self) -> list[Cue]:
        return [Cue(item.start_s, item.end_s, item.text) for item in self.translations]

    def silent_stages(self, translate: bool, speak: bool) -> list[str]:
        """Stages that gave nothing although they were asked to, first cause first."""
        made = [("speech recognition", bool(self.finals))]
        if translate:
            made.append(("translation", bool(self.translations)))
        if translate and speak:
            made.append(("speech synthesis", bool(self.heard)))
        return [name for name, done in made if not done]

    def spoken(self) -> tuple[npt.NDArray[np.int16], int]:
        """Translated speech on one timeline, each piece when it came and never over the one before; with its rate."""
        if not self.heard:
            return np.zeros(0, np.int16), 16_000
        rate = self.heard[0].speech.sample_rate
        parts: list[npt.NDArray[np.int16]] = []
        position = 0
        for item in self.heard:
            gap = max(0, int((item.at - self.started_at) * rate) - position)
            pcm = _at_rate(item.speech, rate)
            parts += [np.zeros(gap, np.int16), pcm]
            position += gap + len(pcm)
        return np.concatenate(parts), rate

    def _used(self, stage: str, *engines: str) -> None:
        known = self.engines.setdefault(stage, [])
        known.extend(engine for engine in engines if engine not in known)


def notice(event: Event) -> str:
    """A line for the user where something went otherwise than planned; empty for all other events."""
    match event:
        case StageStatusMessage(data=data):
            return f"{data.stage} {'works again' if data.working else 'does not answer; nothing is lost'}"
        case EngineSwitchedMessage(data=data):
            return f"{data.stage}: {data.after} took over from {data.before}"
        case SpeechMergedMessage(data=data):
            return f"clause {data.clause} is spoken together with clause {data.into}"
        case SpeechSkippedMessage(data=data):
            return f"clause {data.clause} was not spoken: {data.reason}"
        case ErrorMessage(data=data):
            return f"{data.code}: {data.message}"
        case SessionResumedMessage():
            return "the connection was lost and has been replaced; nothing is missing"
        case SessionResumableMessage(data=data):
            return (
                "the session can be resumed again" if data.resumable else "a lost connection would end the session now"
            )
        case _:
            return ""


def _at_rate(speech: Speech, rate: int) -> npt.NDArray[np.int16]:
    """Engines differ in their rate; linear interpolation is enough for the rare switch amid a session."""
    if speech.sample_rate == rate:
        return speech.pcm
    times = np.arange(0, len(speech.pcm) * rate // speech.sample_rate) * (speech.sample_rate / rate)
    return np.interp(times, np.arange(len(speech.pcm)), speech.pcm).astype(np.int16)
