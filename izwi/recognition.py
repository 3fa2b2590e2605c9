"""Recognition of one utterance while it grows: repeated passes over a window, until the last one settles it.

One pass at a time; each takes all audio that has come in since, so under load the period of passes stretches and the
delay does not grow. A pause gets a careful pass at once; if it turns out to be the end, that pass is the final one.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from izwi import events
from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.checkpoint import Checkpoint, spoken
from izwi.clauses import Clause
from izwi.correction import Corrector, led_by, vocabulary
from izwi.errors import IzwiError
from izwi.events import Emit
from izwi.language_vote import LanguageVote
from izwi.load import Load
from izwi.session_settings import SessionSettings
from izwi.stage_times import StageTimes
from izwi.stages import AsrRequest, AsrResult, Stages, Timing
from izwi.tracing import Trace
from izwi.transcript import Transcript, Update
from izwi.utterance import Due, Utterance, Window

NoteEngine = Callable[[str, Timing], Awaitable[None]]
"""Takes a stage's name and the timing of a call it has served."""

NotePass = Callable[[Window, Due], None]
"""Takes the window of a pass that succeeded, and why it was made."""

LONGEST_WINDOW_S = 28.0
"""Whisper's 30 s less the silence it needs at the end."""
LONGEST_PAUSE = 3600 * SAMPLE_RATE
"""No utterance has one."""
BACK_OFF_S = 0.2
"""Pause after a failed pass: the stage was asked several times already."""


@dataclass(frozen=True)
class SpokenClause:
    """A clause with the utterance it was said in."""

    clause: Clause
    utterance: int
    language: str
    trace: Trace | None = None
    """Of the utterance."""


@dataclass
class _Pass:
    """One window and what was heard in it."""

    window: Window
    result: AsrResult | IzwiError


class Recognition:
    """All utterances of a session, one after the other.

    Args:
        language: ISO 639-1, or None to find out.
        limits: the session's settings.
        asr: see `Stages.asr`.
        load: told how far apart passes are.
        emit: receives the transcript's events.
        note_engine: told which engine did a pass.
        checkpoint: what was recognised before an interruption.
        corrector: of the session's hotwords.
        spent: where the time went, for a client that wants to know.
        note_pass: told of each pass.
        prompt: of the session, before every window.
    """

    def __init__(
        self,
        language: str | None,
        limits: SessionSettings,
        stages: Stages,
        load: Load,
        emit: Emit,
        note_engine: NoteEngine,
        checkpoint: Checkpoint,
        corrector: Corrector = Corrector(()),  # noqa: B008 - never changes
        spent: StageTimes | None = None,
        note_pass: NotePass = lambda window, due: None,
        prompt: str = "",
    ) -> None:
        self._note_pass = note_pass
        self._prompt = prompt
        self._corrector = corrector
        self._spent = spent
        self.final: m.TranscriptFinal | None = None
        """Of the last utterance that is over."""
        self._given = language
        self._limits = limits
        self._asr = stages.asr
        self._spacing = stages.spacing
        self._load = load
        self._emit = emit
        self._note_engine = note_engine
        self._before = checkpoint.language  # of the utterance before
        self._interrupted = checkpoint
        self._pause = limits.pause_ms * SAMPLE_RATE // 1000
        self._most = int(min(2 * limits.max_window_s, LONGEST_WINDOW_S) * SAMPLE_RATE)

    async def transcribe(self, utterance: Utterance) -> AsyncGenerator[SpokenClause]:
        """Clauses of an utterance as they are settled; ends with it."""
        transcript = Transcript(self._limits, self._corrector)
        vote = LanguageVote(self._before)
        if utterance.number == self._interrupted.utterances and self._interrupted.words:
            transcript.resume(spoken(self._interrupted.words), spoken(self._interrupted.rest))
            vote.settle(self._before)
        language, engine = self._given or vote.best or "", ""
        ahead: _Pass | None = None  # a careful pass made in a pause
        likely: Sequence[str] = ()  # hotwords that may have been met
        debug: events.Pass | None = None
        failed_at: int | None = None  # since when a pass is due whose audio no other has heard
        over = False
        while not over:
            gathers = self._gathers
            due = await utterance.due(gathers, self._patience)
            if failed_at is not None:
                due = replace(due, at=min(failed_at, due.at))
            if ahead and utterance.ended_at(ahead.window.speech_end):
                done = _Pass(replace(ahead.window, final=True), ahead.result)
            else:
                done = await self._hear(utterance, vote, due.careful, likely)
                if isinstance(done.result, AsrResult):
                    self._note_pass(done.window, due)
            if isinstance(done.result, AsrResult):
                language, engine = done.result.language, done.result.timing.engine
                await self._note_engine("asr", done.result.timing)
                ahead = done if done.window.pause else None
                if not due.careful and (state := self._load.observe(done.window.fresh / SAMPLE_RATE)):
                    await self._emit(events.load(state), None)
                if self._corrector.hotwords:
                    await vocabulary.prepare(language)
                update = transcript.update(done.window, done.result.words, language)
                likely = self._corrector.likely(done.result.words, language)
            else:
                later = not done.window.final and len(done.window.samples) < self._limits.max_window_s * SAMPLE_RATE
                if not (later and failed_at is None and done.result.retryable):  # else the next pass makes it good
                    await self._emit(events.failure(done.result, utterance=utterance.number), None)
                if later:
                    failed_at = due.at
                    await asyncio.sleep(BACK_OFF_S)
                    continue
                update = transcript.give_up(done.window)
            failed_at = None
            over = done.window.final
            debug = events.Pass(done.window.end, due.at, gathers) if self._spent else None
            await self._tell(utterance, transcript, update, language, done.window.final, debug)
            for clause in update.clauses:
                yield SpokenClause(clause, utterance.number, language, utterance.trace)
            await utterance.drop_before(update.keep_from)
        self._before = language
        meta = self._spent.meta(transcript.matches) if self._spent else None
        final = events.final(utterance, transcript, language, engine, meta, debug)
        self.final = final.data
        await self._emit(final, None)

    @property
    def _gathers(self) -> int:
        """Samples of new speech that ask for a pass."""
        return round(self._spacing.update_s(self._limits.update_ms / 1000) * SAMPLE_RATE)

    @property
    def _patience(self) -> int:
        """Samples of silence that ask for a careful pass. A server that is behind makes it at the end only: elsewhere
        one in two is made for nothing."""
        return LONGEST_PAUSE if self._load.hurried else self._pause

    async def _hear(self, utterance: Utterance, vote: LanguageVote, urgent: bool, likely: Sequence[str]) -> _Pass:
        """One pass over what is held when its turn comes. The error is a value here, so that the client is told after
        the recogniser is free again: it may read slowly."""
        window: Window | None = None
        asked: str | None = None

        def take() -> AsrRequest:
            nonlocal window, asked
            window = utterance.window(self._patience, self._most)
            asked = self._given or vote.ask(len(window.samples) / SAMPLE_RATE, window.careful)
            # Not by all hotwords: that costs ordinary words (docs/hotwords.md).
            prompt = " ".join(filter(None, (self._prompt, led_by(likely))))
            return AsrRequest(window.samples, asked, window.careful, beam=not self._load.hurried, prompt=prompt)

        try:
            result: AsrResult | IzwiError = await self._asr(take, urgent)
        except IzwiError as error:
            result = error
        if window is None:  # failed before its turn came
            window = utterance.window(self._patience, self._most)
        if isinstance(result, AsrResult) and asked is None and result.words:
            vote.hear(result.language, result.language_probability, len(window.samples) / SAMPLE_RATE)
        return _Pass(window, result)

    async def _tell(
        self,
        utterance: Utterance,
        transcript: Transcript,
        update: Update,
        language: str,
        final: bool,
        debug: events.Pass | None,
    ) -> None:
        """A client that debugs hears of every pass: it measures what its audio waited for."""
        if update.fresh:
            await self._emit(events.committed(utterance, update, language), None)
        if (update.changed or debug) and not final:
            await self._emit(events.partial(utterance, transcript, language, debug), None)
