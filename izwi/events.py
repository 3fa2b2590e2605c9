"""The session's events, made from values. Keeps the field-by-field copying out of the flow."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.backlog import Pace
from izwi.checkpoint import written
from izwi.clauses import Clause
from izwi.diarization import speaker_label
from izwi.errors import IzwiError
from izwi.load import LoadState
from izwi.stages import Corrected, LlmRole, MtResult, TtsChunk
from izwi.transcript import Transcript, Update
from izwi.utterance import Utterance

Emit = Callable[[m.ServerMessage, bytes | None], Awaitable[None]]
"""Takes a message and the binary frame that follows it, if any; numbers and sends them. May wait."""


def seconds(samples: int) -> float:
    """Session time of a stream offset."""
    return round(samples / SAMPLE_RATE, 3)


def progress(received: int, acknowledged: int) -> m.AudioProgressMessage:
    data = m.AudioProgress(received_samples=received, acknowledged_samples=acknowledged)
    return m.AudioProgressMessage(data=data)


def speech_started(utterance: Utterance) -> m.SpeechStartedMessage:
    return m.SpeechStartedMessage(data=m.SpeechBoundary(utterance=utterance.number, time_s=seconds(utterance.onset)))


def speech_ended(utterance: Utterance, end: int) -> m.SpeechEndedMessage:
    return m.SpeechEndedMessage(data=m.SpeechBoundary(utterance=utterance.number, time_s=seconds(end)))


def cut(utterance: int | None, at: int) -> m.AudioCutMessage:
    return m.AudioCutMessage(data=m.AudioCut(utterance=utterance, time_s=seconds(at)))


def committed(utterance: Utterance, update: Update, language: str) -> m.TranscriptCommittedMessage:
    words = written(update.fresh)
    data = m.TranscriptCommitted(utterance=utterance.number, text=update.text, words=words, language=language)
    return m.TranscriptCommittedMessage(data=data)


@dataclass(frozen=True)
class Pass:
    """What a client that debugs is told of a recognition pass; in samples."""

    heard: int
    """Stream offset up to which it went."""
    due: int
    """Stream offset with which it was due."""
    gathers: int
    """New speech that asks for a pass."""


def partial(
    utterance: Utterance, transcript: Transcript, language: str, debug: Pass | None = None
) -> m.TranscriptPartialMessage:
    data = m.TranscriptPartial(
        utterance=utterance.number,
        committed=transcript.committed,
        tentative=transcript.tentative,
        language=language,
        heard_s=None if debug is None else seconds(debug.heard),
        due_s=None if debug is None else seconds(debug.due),
        update_ms=None if debug is None else round(1000 * seconds(debug.gathers)),
    )
    return m.TranscriptPartialMessage(data=data)


def final(
    utterance: Utterance,
    transcript: Transcript,
    language: str,
    engine: str,
    meta: m.Meta | None,
    debug: Pass | None = None,
) -> m.TranscriptFinalMessage:
    data = m.TranscriptFinal(
        utterance=utterance.number,
        text=transcript.committed,
        start_s=seconds(utterance.onset),
        end_s=seconds(utterance.end or utterance.onset),
        language=language,
        engine=engine,
        meta=meta,
        due_s=None if debug is None else seconds(debug.due),
    )
    return m.TranscriptFinalMessage(data=data)


def corrected(utterance: int, result: Corrected, role: LlmRole) -> m.TranscriptCorrectedMessage:
    data = m.TranscriptCorrected(utterance=utterance, text=result.text, llm=result.llm, role=role)
    return m.TranscriptCorrectedMessage(data=data)


def speaker(utterance: int, voice: m.Voice | None) -> m.TranscriptSpeakerMessage:
    label = None if voice is None else speaker_label(voice.number)
    return m.TranscriptSpeakerMessage(data=m.TranscriptSpeaker(utterance=utterance, speaker=label, voice=voice))


def translation(
    number: int, utterance: int, clause: Clause, languages: tuple[str, str], result: MtResult
) -> m.TranslationCommittedMessage:
    data = m.TranslationCommitted(
        clause=number,
        utterance=utterance,
        source=clause.text,
        text=result.text,
        source_language=languages[0],
        target_language=languages[1],
        start_s=clause.start_s,
        end_s=clause.end_s,
        engine=result.timing.engine,
    )
    return m.TranslationCommittedMessage(data=data)


def speech(clause: int, chunk: TtsChunk, pace: Pace) -> m.SpeechAudioMessage:
    data = m.SpeechAudio(
        clause=clause,
        engine=chunk.timing.engine,
        sample_rate=chunk.sample_rate,
        samples=len(chunk.pcm),
        last=False,
        speed=pace.speed,
        backlog_s=pace.backlog_s,
    )
    return m.SpeechAudioMessage(data=data)


def speech_closed(clause: int, engine: str, sample_rate: int, pace: Pace) -> m.SpeechAudioMessage:
    data = m.SpeechAudio(
        clause=clause,
        engine=engine,
        sample_rate=sample_rate,
        samples=0,
        last=True,
        speed=pace.speed,
        backlog_s=pace.backlog_s,
    )
    return m.SpeechAudioMessage(data=data)


def merged(clause: int, into: int) -> m.SpeechMergedMessage:
    return m.SpeechMergedMessage(data=m.SpeechMerged(clause=clause, into=into))


def skipped(clause: int, reason: str) -> m.SpeechSkippedMessage:
    return m.SpeechSkippedMessage(data=m.SpeechSkipped(clause=clause, reason=reason))


def switched(stage: str, before: str, after: str) -> m.EngineSwitchedMessage:
    return m.EngineSwitchedMessage(data=m.EngineSwitched(stage=stage, before=before, after=after))


def load(state: LoadState) -> m.SessionLoadMessage:
    data = m.SessionLoad(level=state.level.value, update_ms=round(state.period_s * 1000))
    return m.SessionLoadMessage(data=data)


def failure(error: IzwiError, utterance: int | None = None, clause: int | None = None) -> m.ErrorMessage:
    """One piece of work failed; the session goes on. The ingress fills in the request id."""
    data = m.ErrorData(
        code=error.code,
        message=str(error),
        retryable=error.retryable,
        fatal=False,
        request_id="",
        utterance=utterance,
        clause=clause,
    )
    return m.ErrorMessage(data=data)


def ended(received: int, utterances: int, clauses: int, meta: m.Meta | None) -> m.SessionEndedMessage:
    data = m.SessionEnded(
        reason="audio_end", audio_s=seconds(received), utterances=utterances, clauses=clauses, meta=meta
    )
    return m.SessionEndedMessage(data=data)
