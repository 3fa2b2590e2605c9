"""THE FLOW: one live session from audio to speech, on any stages.

    audio ─> listen ─(utterances)─> recognise ─(clauses)─> translate ─(translations)─> speak ─> emit
             VAD, segmenter         ASR, agreement         MT                          TTS

Each arrow is a bounded queue and each step one task, so order is kept end to end and a slow step slows the step
before it; only synthesis may be skipped, and the client is told. Time is samples received. No clock, no socket, no
Ray: the stages and `Emit` are passed in.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from izwi import messages as m
from izwi.agreement import Agreement
from izwi.audio import SAMPLE_RATE
from izwi.clauses import Clause, ClauseSplitter, text_of
from izwi.errors import IzwiError
from izwi.segmenter import FRAME, Closed, Continued, Opened, Segmenter
from izwi.settings import Settings
from izwi.stages import (
    AsrRequest,
    AsrResult,
    MtRequest,
    Samples,
    Stages,
    Timing,
    TtsRequest,
    VadRequest,
    VadState,
    Word,
)
from izwi.utterance import Utterance, Window

Emit = Callable[[m.ServerMessage, bytes | None], Awaitable[None]]
"""Takes a message and the binary frame that follows it, if any; numbers and sends them. May wait."""

FORCED_TAIL_S = 2.0
"""When a window is committed by force, its last words are left: they may be cut off."""
SURE_LANGUAGE = 0.8
"""Probability above which the detected language of an utterance is kept for its later passes."""
SURE_LANGUAGE_S = 1.5
"""Audio needed before that: detection on less is a guess."""
DIGITAL_SILENCE = 1.5 / 32768
"""Peak below which a chunk is a muted line: it costs no detector call."""


@dataclass(frozen=True)
class _Translation:
    clause: int
    text: str


class Session:
    """One speaker's session.

    Args:
        start: what the client asked for.
        settings: the whole tree; the session reads ``session``, ``vad`` and ``mt``.
        stages: the four stage callables.
        emit: receives every event, in order.
    """

    def __init__(self, start: m.SessionStart, settings: Settings, stages: Stages, emit: Emit) -> None:
        self._start = start
        self._settings = settings
        self._limits = settings.session
        self._stages = stages
        self._emit = emit
        self._segmenter = Segmenter(settings.vad)
        self._open: deque[Utterance] = deque()  # utterances with uncommitted audio, oldest first
        self._engines: dict[str, str] = {}
        self._received = 0
        self._utterance_count = 0
        self._clause_count = 0

    async def run(self, audio: AsyncIterator[Samples]) -> None:
        """Run until ``audio`` (mono float32 at 16 kHz, any chunking) ends and everything in it has been said.

        Raises:
            ExceptionGroup: of the first failing step's error; a stage raises only `IzwiError`.
        """
        utterances: asyncio.Queue[Utterance | None] = asyncio.Queue(self._limits.text_queue)
        clauses: asyncio.Queue[tuple[Clause, int, str] | None] = asyncio.Queue(self._limits.text_queue)
        translations: asyncio.Queue[_Translation | None] = asyncio.Queue(self._limits.translation_queue)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(audio, utterances), name="listen")
            tasks.create_task(self._recognise(utterances, clauses), name="recognise")
            tasks.create_task(self._translate(clauses, translations), name="translate")
            tasks.create_task(self._speak(translations), name="speak")
        await self._progress()
        ended = m.SessionEnded(
            reason="audio_end",
            audio_s=round(self._received / SAMPLE_RATE, 3),
            utterances=self._utterance_count,
            clauses=self._clause_count,
        )
        await self._emit(m.SessionEndedMessage(data=ended), None)

    # --- listen ---------------------------------------------------------------------------------------------------
    async def _listen(self, audio: AsyncIterator[Samples], utterances: asyncio.Queue[Utterance | None]) -> None:
        hop = max(FRAME, self._settings.vad.hop_ms * SAMPLE_RATE // 1000 // FRAME * FRAME)
        state = VadState()
        held = np.zeros(0, np.float32)
        async for chunk in audio:
            self._received += len(chunk)
            held = np.concatenate([held, chunk])
            whole = len(held) // FRAME * FRAME
            if whole >= hop:
                state = await self._detect(held[:whole], state, utterances)
                held = held[whole:]
                await self._progress()
        if len(held):
            await self._detect(np.pad(held, (0, -len(held) % FRAME)), state, utterances)
        for event in self._segmenter.flush():
            await self._segment(event, utterances)
        await utterances.put(None)

    async def _detect(self, samples: Samples, state: VadState, utterances: asyncio.Queue[Utterance | None]) -> VadState:
        if float(np.abs(samples).max()) < DIGITAL_SILENCE:
            probabilities = (0.0,) * (len(samples) // FRAME)
        else:
            result = await self._stages.vad(VadRequest(samples, state))
            await self._note_engine("vad", result.timing)
            probabilities, state = result.probabilities, result.state
        for event in self._segmenter.push(samples, probabilities):
            await self._segment(event, utterances)
        return state

    async def _segment(self, event: Opened | Continued | Closed, utterances: asyncio.Queue[Utterance | None]) -> None:
        match event:
            case Opened(start, onset, samples):
                limit = int((self._limits.max_window_s + self._settings.window_s) * SAMPLE_RATE)
                utterance = Utterance(self._utterance_count, start, onset, limit)
                self._utterance_count += 1
                await utterance.append(samples, speech=True)
                self._open.append(utterance)
                await self._boundary(m.SpeechStartedMessage, utterance.number, onset)
                await utterances.put(utterance)
            case Continued(samples, speech):
                await self._open[-1].append(samples, speech)
            case Closed(end):
                utterance = self._open[-1]
                await utterance.close(end)
                await self._boundary(m.SpeechEndedMessage, utterance.number, end)

    # --- recognise ------------------------------------------------------------------------------------------------
    async def _recognise(
        self,
        utterances: asyncio.Queue[Utterance | None],
        clauses: asyncio.Queue[tuple[Clause, int, str] | None],
    ) -> None:
        while (utterance := await utterances.get()) is not None:
            splitter = ClauseSplitter(self._limits.clause_max_words)
            agreement = Agreement(
                self._limits.agreement_window, self._limits.agreement_threshold, self._limits.min_confidence
            )
            asked = None if self._start.source_language == "auto" else self._start.source_language
            language = asked or ""
            engine = ""
            complete = False
            while not complete:
                window = await utterance.next_window(
                    self._limits.update_ms * SAMPLE_RATE // 1000, int(self._limits.max_window_s * 2 * SAMPLE_RATE)
                )
                complete = window.final
                try:
                    result = await self._stages.asr(AsrRequest(window.samples, asked, window.final))
                except IzwiError as error:
                    await self._report(error)
                    if not window.final:
                        continue
                    fresh = agreement.update(agreement.tentative, _seconds(window.start), final=True)
                else:
                    language, engine = result.language, result.timing.engine
                    await self._note_engine("asr", result.timing)
                    asked = asked or _settled_language(result, window)
                    fresh = await self._agree(utterance, window, result, agreement)
                await self._publish(utterance, agreement, fresh, language)
                for clause in splitter.push(fresh) + (splitter.flush() if complete else []):
                    await clauses.put((clause, utterance.number, language))
            await self._finish(utterance, agreement, language, engine)
        await clauses.put(None)

    async def _agree(self, utterance: Utterance, window: Window, result: AsrResult, agreement: Agreement) -> list[Word]:
        """Update the agreement with a result and drop audio that is settled; return the newly committed words."""
        start_s = _seconds(window.start)
        length_s = _seconds(len(window.samples))
        hypothesis = [
            Word(word.text, round(start_s + word.start_s, 3), round(start_s + word.end_s, 3), word.confidence)
            for word in result.words
        ]
        overdue = length_s >= self._limits.max_window_s
        settled_s = start_s + length_s - FORCED_TAIL_S
        fresh = agreement.update(hypothesis, start_s, final=window.final, force_before_s=settled_s if overdue else 0.0)
        if window.final or length_s < self._limits.trim_s:
            return fresh
        cut_s = settled_s if overdue else start_s
        if agreement.committed:
            keep_s = agreement.committed[-1].end_s - self._limits.overlap_s
            first_kept = next(word for word in agreement.committed if word.end_s >= keep_s)
            cut_s = first_kept.start_s if not overdue else max(first_kept.start_s, settled_s - FORCED_TAIL_S)
        await utterance.drop_before(int(cut_s * SAMPLE_RATE))
        return fresh

    async def _publish(self, utterance: Utterance, agreement: Agreement, fresh: list[Word], language: str) -> None:
        if fresh:
            text = "".join(word.text for word in fresh)
            if len(fresh) == len(agreement.committed):
                text = text.lstrip()
            words = [m.WordData(text=w.text, start_s=w.start_s, end_s=w.end_s, confidence=w.confidence) for w in fresh]
            data = m.TranscriptCommitted(utterance=utterance.number, text=text, words=words, language=language)
            await self._emit(m.TranscriptCommittedMessage(data=data), None)
        if agreement.tentative:
            partial = m.TranscriptPartial(
                utterance=utterance.number,
                committed=text_of(agreement.committed),
                tentative=text_of(agreement.tentative),
                language=language,
            )
            await self._emit(m.TranscriptPartialMessage(data=partial), None)

    async def _finish(self, utterance: Utterance, agreement: Agreement, language: str, engine: str) -> None:
        final = m.TranscriptFinal(
            utterance=utterance.number,
            text=text_of(agreement.committed),
            start_s=_seconds(utterance.onset),
            end_s=_seconds(utterance.end or utterance.onset),
            language=language,
            engine=engine,
        )
        await self._emit(m.TranscriptFinalMessage(data=final), None)
        self._open.popleft()  # only now is its audio settled: what is acknowledged has been emitted
        await self._progress()

    # --- translate ------------------------------------------------------------------------------------------------
    async def _translate(
        self,
        clauses: asyncio.Queue[tuple[Clause, int, str] | None],
        translations: asyncio.Queue[_Translation | None],
    ) -> None:
        context: deque[str] = deque(maxlen=self._settings.mt.context_clauses)
        target = self._start.target_language
        while (item := await clauses.get()) is not None:
            clause, utterance, language = item
            number = self._clause_count
            self._clause_count += 1
            if target is None:
                continue
            text, engine = clause.text, "none"
            if language != target:
                try:
                    result = await self._stages.mt(MtRequest(clause.text, language, target, tuple(context)))
                except IzwiError as error:
                    await self._report(error)
                    continue
                text, engine = result.text, result.timing.engine
                await self._note_engine("mt", result.timing)
            context.append(clause.text)
            data = m.TranslationCommitted(
                clause=number,
                utterance=utterance,
                source=clause.text,
                text=text,
                source_language=language,
                target_language=target,
                start_s=clause.start_s,
                end_s=clause.end_s,
                engine=engine,
            )
            await self._emit(m.TranslationCommittedMessage(data=data), None)
            if self._start.speech:
                await self._queue_speech(translations, _Translation(number, text))
        await translations.put(None)

    async def _queue_speech(self, translations: asyncio.Queue[_Translation | None], item: _Translation) -> None:
        """Captions never wait for the voice: a full queue skips the synthesis of this clause."""
        if translations.full():
            skipped = m.SpeechSkipped(clause=item.clause, reason="synthesis is behind")
            await self._emit(m.SpeechSkippedMessage(data=skipped), None)
        else:
            translations.put_nowait(item)

    # --- speak ----------------------------------------------------------------------------------------------------
    async def _speak(self, translations: asyncio.Queue[_Translation | None]) -> None:
        while (item := await translations.get()) is not None:
            language = self._start.target_language or ""
            request = TtsRequest(item.text, language, self._start.voice, self._start.speed)
            engine, rate = "", 0
            try:
                async for chunk in self._stages.tts(request):
                    engine, rate = chunk.timing.engine, chunk.sample_rate
                    await self._note_engine("tts", chunk.timing)
                    if len(chunk.pcm):
                        data = m.SpeechAudio(
                            clause=item.clause, engine=engine, sample_rate=rate, samples=len(chunk.pcm), last=False
                        )
                        await self._emit(m.SpeechAudioMessage(data=data), chunk.pcm.tobytes())
            except IzwiError as error:
                await self._report(error)
            closing = m.SpeechAudio(clause=item.clause, engine=engine, sample_rate=rate, samples=0, last=True)
            await self._emit(m.SpeechAudioMessage(data=closing), None)

    # --- telling the client ---------------------------------------------------------------------------------------
    async def _boundary(
        self, kind: type[m.SpeechStartedMessage] | type[m.SpeechEndedMessage], utterance: int, offset: int
    ) -> None:
        await self._emit(kind(data=m.SpeechBoundary(utterance=utterance, time_s=_seconds(offset))), None)

    async def _progress(self) -> None:
        settled = self._open[0].start if self._open else self._segmenter.safe_position
        data = m.AudioProgress(received_samples=self._received, acknowledged_samples=settled)
        await self._emit(m.AudioProgressMessage(data=data), None)

    async def _note_engine(self, stage: str, timing: Timing) -> None:
        """Tell the client when a stage's work was done by another engine than before."""
        before = timing.failed[0] if timing.failed else self._engines.get(stage, timing.engine)
        if before != timing.engine and self._engines.get(stage) != timing.engine:
            data = m.EngineSwitched(stage=stage, before=before, after=timing.engine)
            await self._emit(m.EngineSwitchedMessage(data=data), None)
        self._engines[stage] = timing.engine

    async def _report(self, error: IzwiError) -> None:
        """A stage failed on one piece of work; the session goes on and says so."""
        data = m.ErrorData(code=error.code, message=str(error), retryable=error.retryable, fatal=False, request_id="")
        await self._emit(m.ErrorMessage(data=data), None)


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE, 3)


def _settled_language(result: AsrResult, window: Window) -> str | None:
    sure = result.language_probability >= SURE_LANGUAGE and len(window.samples) >= SURE_LANGUAGE_S * SAMPLE_RATE
    return result.language if sure else None
