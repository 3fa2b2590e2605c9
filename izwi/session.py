"""THE FLOW: one live session from audio to speech, on any stages.

    audio ─> listen ─(utterances)─> recognise ─(clauses)─> translate ─(translations)─> speak ─> emit
             VAD, segmenter         ASR, agreement         MT                          TTS

Each arrow is a bounded queue and each step one task, so order is kept end to end and a slow step slows the step
before it; only synthesis may be hurried or skipped, and the client is told. Time is samples received. No clock, no
socket, no Ray: the stages and `Emit` are passed in. The file is long because whoever reads the flow wants all its steps
and queues on one page; what a step does is elsewhere.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from izwi import events, tracing
from izwi.attribution import Attribution
from izwi.audio import SAMPLE_RATE, Cut
from izwi.checkpoint import Resumed
from izwi.correction import Corrector
from izwi.detection import Detection
from izwi.events import Emit
from izwi.load import Load
from izwi.messages import SessionStart, TranscriptFinal
from izwi.recognition import NotePass, Recognition, SpokenClause
from izwi.segmenter import Closed, Continued, Opened, SegmentEvent
from izwi.settings import Settings
from izwi.speaking import Speaking, Translations
from izwi.stage_times import StageTimes
from izwi.stages import LlmRequest, Samples, Stages, Timing
from izwi.translation import Translated, Translation
from izwi.utterance import Utterance

HELD_S = 40.0
"""Audio kept while recognition is behind; then the listener waits, and with it the client's window."""
PROGRESS = SAMPLE_RATE
"""Samples by which the acknowledged offsets move between two messages about them."""
LATELY = 5 * SAMPLE_RATE
"""Samples after an utterance during which its speaker may go on at any moment."""

Utterances = asyncio.Queue[Utterance | None]
Clauses = asyncio.Queue[SpokenClause | None]
"""None closes a queue."""


class Session:
    """One speaker's session.

    Args:
        start: what the client asked for.
        settings: the whole tree; the session reads ``session``, ``vad`` and ``mt``.
        stages: what it calls.
        emit: receives every event, in order.
        live: whether audio comes at the pace of speech; see `Load` and `Speaking`.
        resumed: where the session was interrupted; the audio then begins at `position`.
        note_pass: told of each pass of the recogniser; only metrics use it.
    """

    def __init__(
        self,
        start: SessionStart,
        settings: Settings,
        stages: Stages,
        emit: Emit,
        live: Callable[[], bool] = lambda: True,
        resumed: Resumed = Resumed(),  # noqa: B008 - frozen
        note_pass: NotePass = lambda window, due: None,
    ) -> None:
        self._start = start
        self._settings = settings
        self._limits = settings.session
        self._stages = stages
        self._emit = emit
        self._resumed = resumed
        state = resumed.checkpoint
        self.position = state.resume_at(settings.vad.preroll_ms * SAMPLE_RATE // 1000)
        """Stream offset of the first sample of audio."""
        self._recognised = asyncio.Condition()
        self._open: deque[Utterance] = deque()  # with audio that is not settled, oldest first
        self._engines = dict(state.engines)
        self._ended = False
        self._live = lambda: live() and not self._ended
        self._load = Load(self._limits.update_ms / 1000, self._limits.captions_only_ms / 1000, self._live)
        self._detection = Detection(settings.vad, stages, self._load, self._note_engine, self.position)
        given = None if start.source_language == "auto" else start.source_language
        self._spent = StageTimes() if start.debug else None
        self._recognition = Recognition(
            given,
            self._limits,
            stages,
            self._load,
            emit,
            self._note_engine,
            state,
            Corrector(start.hotwords),
            self._spent,
            note_pass,
            start.prompt,
        )
        self._attribution = Attribution(stages, emit, self._note_engine, state.voices) if start.with_speaker else None
        untranslated = state.untranslated[0].number if state.untranslated else state.clauses
        self._translation = Translation(
            start.target_language, settings.mt, stages, emit, self._note_engine, untranslated
        )
        self._speaking = Speaking(
            start,
            self._limits,
            stages,
            self._load,
            emit,
            self._note_engine,
            received_s=lambda: self._received / SAMPLE_RATE,
            live=self._live,
        )
        self._received = self._settled = self._told = self.position
        self._queues: dict[str, asyncio.Queue[Any]] = {}
        self._spoke = self.position - LATELY  # end of the last utterance
        self._utterances = state.utterances
        self._announced = max(state.onsets, default=-1)  # the last utterance whose beginning the client knows

    @property
    def depths(self) -> dict[str, tuple[int, int]]:
        """By queue, what waits in it and how much may."""
        return {name: (queue.qsize(), queue.maxsize) for name, queue in self._queues.items()}

    @property
    def stretch(self) -> float | None:
        """How many times further apart updates are than asked for; None while nobody speaks, or has lately."""
        speaks = self._open or self._detection.speaking or self._received - self._spoke < LATELY
        return self._load.stretch if speaks else None

    async def settle(self) -> None:
        """Wait until everything that was said to its end has been recognised."""
        async with self._recognised:
            await self._recognised.wait_for(lambda: all(utterance.end is None for utterance in self._open))

    async def run(self, audio: AsyncIterator[Samples | Cut]) -> None:
        """Run until ``audio`` (mono float32 at 16 kHz, any chunking) ends and everything in it has been said.

        Raises:
            ExceptionGroup: of the first failing step's error; a stage raises only `IzwiError`.
        """
        utterances: Utterances = asyncio.Queue(self._limits.text_queue)
        clauses: Clauses = asyncio.Queue(self._limits.text_queue)
        translations: Translations = asyncio.Queue(self._limits.translation_queue)
        self._queues = {"utterances": utterances, "clauses": clauses, "translations": translations}
        if self._attribution is not None:
            self._queues["voices"] = self._attribution.queue
        async with asyncio.TaskGroup() as tasks:
            if self._attribution is not None:
                tasks.create_task(self._attribution.run(), name="attribute")
            tasks.create_task(self._listen(audio, utterances), name="listen")
            tasks.create_task(self._recognise(utterances, clauses, tasks), name="recognise")
            tasks.create_task(self._translate(clauses, translations), name="translate")
            tasks.create_task(self._speak(translations), name="speak")
        await self._emit(events.progress(self._received, self._received), None)
        meta = self._spent.meta(()) if self._spent else None
        await self._emit(events.ended(self._received, self._utterances, self._translation.clauses, meta), None)

    # --- listen: audio to utterances ------------------------------------------------------------------------------
    async def _listen(self, audio: AsyncIterator[Samples | Cut], utterances: Utterances) -> None:
        if (onset := self._resumed.checkpoint.onsets.get(self._utterances)) is not None:
            await self._announce([self._detection.reopen(onset)], utterances)
        async for chunk in audio:
            if isinstance(chunk, Cut):
                await self._cut(utterances)
                continue
            self._received += len(chunk)
            if (found := await self._detection.push(chunk)) is not None:
                await self._announce(found, utterances)
                await self._progress()
        self._ended = True
        await self._announce(await self._detection.flush(), utterances)
        await utterances.put(None)

    async def _cut(self, utterances: Utterances) -> None:
        """End the open utterance after what has come in."""
        await self._announce(await self._detection.catch_up(), utterances)
        closing = self._detection.cut()
        await self._emit(events.cut(self._utterances - 1 if closing else None, self._received), None)
        await self._announce(closing, utterances)
        await self._progress()

    async def _announce(self, found: Sequence[SegmentEvent], utterances: Utterances) -> None:
        for event in found:
            await self._segment(event, utterances)
        self._detection.announced()

    async def _segment(self, event: SegmentEvent, utterances: Utterances) -> None:
        match event:
            case Opened(start, onset, samples):
                trace = self._stages.trace(self._utterances)
                tracing.current.set(trace)  # of the detector's calls until it ends
                limit, attributed = int(HELD_S * SAMPLE_RATE), self._attribution is not None
                utterance = Utterance(self._utterances, start, onset, limit, trace, attributed)
                self._utterances += 1
                await utterance.append(samples, speech=True)
                self._open.append(utterance)
                if utterance.number > self._announced:
                    await self._emit(events.speech_started(utterance), None)
                await utterances.put(utterance)
            case Continued(samples, speech):
                await self._room()
                await self._open[-1].append(samples, speech)
            case Closed(end):
                end = min(end, self._received)  # the last frame may have been filled up
                utterance = self._open[-1]
                self._spoke = end
                await utterance.close(end)
                tracing.current.set(None)
                await self._emit(events.speech_ended(utterance, end), None)

    async def _room(self) -> None:
        """Wait until the utterances that are closed and not recognised yet leave some; one alone has its own limit."""
        if len(self._open) > 1:
            most = int(HELD_S * SAMPLE_RATE)
            async with self._recognised:
                await self._recognised.wait_for(
                    lambda: len(self._open) < 2 or sum(one.held for one in self._open) < most
                )

    # --- recognise: utterances to committed words and clauses -----------------------------------------------------
    async def _recognise(self, utterances: Utterances, clauses: Clauses, tasks: asyncio.TaskGroup) -> None:
        while (utterance := await utterances.get()) is not None:
            tracing.current.set(utterance.trace)
            with self._stages.spacing.speaking():
                async for clause in self._recognition.transcribe(utterance):
                    await clauses.put(clause)
            final = self._recognition.final
            if self._start.apply_llm and final is not None:
                tasks.create_task(self._correct(final), name="correct")
            if self._attribution is not None and final is not None and final.text.strip():
                await self._attribution.offer(utterance)
            if utterance.trace is not None:
                utterance.trace.end()
            self._open.popleft()  # only now is its audio settled: what is acknowledged has been emitted
            async with self._recognised:
                self._recognised.notify_all()
            await self._progress()
        await clauses.put(None)
        if self._attribution is not None:
            await self._attribution.queue.put(None)

    async def _correct(self, final: TranscriptFinal) -> None:
        """Nothing waits for it but the end of the session."""
        start = self._start
        asked = LlmRequest(final.text, start.llm_role, final.language, start.target_language or "", start.hotwords)
        await self._emit(events.corrected(final.utterance, await self._stages.llm(asked), start.llm_role), None)

    # --- translate: clauses to translations -----------------------------------------------------------------------
    async def _translate(self, clauses: Clauses, translations: Translations) -> None:
        for one in self._resumed.checkpoint.untranslated:
            await self._translate_one(SpokenClause(one.clause, one.utterance, one.language), translations)
        while (spoken := await clauses.get()) is not None:
            await self._translate_one(spoken, translations)
        await translations.put(None)

    async def _translate_one(self, spoken: SpokenClause, translations: Translations) -> None:
        tracing.current.set(spoken.trace)
        translated = await self._translation.translate(spoken)
        if translated is not None and self._start.speech:
            await self._speaking.offer(translated, translations)

    # --- speak: translations to audio -----------------------------------------------------------------------------
    async def say_again(self) -> None:
        """Say what was translated before the interruption and the client has not heard."""
        if not self._start.speech:
            return
        unspoken = self._resumed.checkpoint.unspoken(self._resumed.clause)
        known = self._resumed.samples if unspoken and unspoken[0].number == self._resumed.clause else 0
        await self._speaking.say_again([Translated(t.number, t.text) for t in unspoken], known, self._resumed.speed)

    async def _speak(self, translations: Translations) -> None:
        await self.say_again()
        while (turn := await self._speaking.next(translations)) is not None:
            tracing.current.set(turn.trace)
            await self._speaking.say(turn)

    # --- telling the client ---------------------------------------------------------------------------------------
    async def _progress(self) -> None:
        """Acknowledge: everything before the oldest audio still needed is settled. Never goes back. Told where it is
        news: a client that sends ahead of time waits for it, a microphone hardly cares."""
        oldest = [utterance.start for utterance in list(self._open)[:1]]
        settled = max(self._settled, min(self._detection.safe_position, self._received, *oldest))
        if self._received - self._told >= PROGRESS or (settled - self._settled >= PROGRESS):
            self._settled, self._told = settled, self._received
            await self._emit(events.progress(self._received, settled), None)

    async def _note_engine(self, stage: str, timing: Timing) -> None:
        """Say so when a stage's work was done by another engine than before, or first than the one it prefers."""
        before = self._engines.get(stage) or timing.preferred or timing.engine
        if timing.engine != before:
            await self._emit(events.switched(stage, before, timing.engine), None)
        self._engines[stage] = timing.engine
        if self._spent is not None:
            self._spent.note(stage, timing)
