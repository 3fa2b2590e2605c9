"""Speaking translations without falling behind: one synthesis at a time, on a ladder of measures.

    backlog (izwi/backlog.py)
      above speech_hurry_s   said faster, by up to speech_hurry_speed
      above speech_merge_s   translations that wait are said in one synthesis: fewer pauses, fewer calls
      above speech_skip_s    a new translation is not said

Every clause ends in exactly one way that the client is told: said, merged into another one, or skipped.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from izwi import events
from izwi.backlog import Backlog, Pace, pace
from izwi.errors import IzwiError
from izwi.events import Emit
from izwi.load import Level, Load
from izwi.messages import SessionStart
from izwi.pieces import join_texts
from izwi.recognition import NoteEngine
from izwi.session_settings import SessionSettings
from izwi.stages import Stages, TtsChunk, TtsRequest
from izwi.tracing import Trace
from izwi.translation import Translated

Translations = asyncio.Queue[Translated | None]
"""None closes it."""

OVERLOADED = "the server is overloaded"
QUEUE_FULL = "synthesis is behind"
TOO_FAR_BEHIND = "speech is too far behind"


@dataclass(frozen=True)
class Turn:
    """One synthesis: a clause, with those merged into it."""

    clauses: tuple[Translated, ...]
    pace: Pace

    @property
    def number(self) -> int:
        """The clause whose number its audio bears."""
        return self.clauses[0].number

    @property
    def trace(self) -> Trace | None:
        return self.clauses[0].trace

    @property
    def text(self) -> str:
        return join_texts(clause.text for clause in self.clauses)


class Speaking:
    """All translations of a session.

    Args:
        start: language, voice and speed that the client asked for.
        limits: the steps of the ladder.
        stages: `Stages.tts` is called.
        load: says when nothing is to be spoken at all.
        emit: receives speech, and how each clause ended.
        note_engine: told which engine spoke.
        received_s: session time, seconds of audio received.
        live: whether audio comes at the pace of speech. If not, somebody sends a file and nobody waits for its
            speech, or the audio has ended and no more can be added: then nothing is hurried, merged or skipped for
            its backlog.
    """

    def __init__(
        self,
        start: SessionStart,
        limits: SessionSettings,
        stages: Stages,
        load: Load,
        emit: Emit,
        note_engine: NoteEngine,
        received_s: Callable[[], float],
        live: Callable[[], bool],
    ) -> None:
        self._start = start
        self._limits = limits
        self._tts = stages.tts
        self._load = load
        self._emit = emit
        self._note_engine = note_engine
        self._received_s = received_s
        self._live = live
        self._backlog = Backlog(start.speed)
        self._waiting: deque[Translated] = deque()  # what the queue holds: a queue does not show its contents

    async def offer(self, translated: Translated, queue: Translations) -> None:
        """Queue a translation, or skip its speech. Never waits for synthesis: captions do not wait for the voice."""
        if reason := self._refusal(queue):
            await self._emit(events.skipped(translated.number, reason), None)
        else:
            queue.put_nowait(translated)
            self._waiting.append(translated)

    async def next(self, queue: Translations) -> Turn | None:
        """Wait for a translation, and take those behind it along if speech is far behind; None once none will come."""
        first = await queue.get()
        if first is None:
            return None
        self._waiting.popleft()
        clauses, text, backlog_s = [first], first.text, self._behind_s()
        if backlog_s > self._limits.speech_merge_s:
            while self._waiting:
                text = join_texts((text, self._waiting[0].text))
                if len(text) > self._limits.speech_merge_chars:
                    break
                queue.get_nowait()
                clauses.append(self._waiting.popleft())
        return Turn(tuple(clauses), pace(backlog_s, self._limits))

    async def say_again(self, unspoken: Sequence[Translated], known: int, speed: float) -> None:
        """Say what an interrupted session had translated and the client has not heard: all of it, in order.

        Args:
            known: samples of the first one that the client has, said at ``speed`` times the speed asked for.
        """
        for number, clause in enumerate(unspoken):
            await self.say(Turn((clause,), Pace(1.0 if number else speed, 0.0)), 0 if number else known)

    async def say(self, turn: Turn, known: int = 0) -> None:
        """Synthesise and send piece by piece. A failure is told for each clause, and the session goes on.

        Args:
            known: samples at the beginning that the client has.
        """
        for clause in turn.clauses[1:]:
            await self._emit(events.merged(clause.number, turn.number), None)
        engine, rate, whole = "", 0, False
        self._backlog.begin(len(turn.text), turn.pace.speed)
        try:
            async with aclosing(self._tts(self._request(turn))) as chunks:  # a cancelled session stops the synthesis
                async for chunk in chunks:
                    engine, rate = chunk.timing.engine, chunk.sample_rate
                    await self._note_engine("tts", chunk.timing)
                    known, chunk = _without(chunk, known)
                    if len(chunk.pcm):
                        await self._emit(events.speech(turn.number, chunk, turn.pace), chunk.pcm.tobytes())
                        self._sent(len(chunk.pcm) / rate)
            whole = True
        except IzwiError as error:
            for clause in turn.clauses:
                await self._emit(events.failure(error, clause=clause.number), None)
        self._backlog.finish(whole)
        await self._emit(events.speech_closed(turn.number, engine, rate, turn.pace), None)

    def _request(self, turn: Turn) -> TtsRequest:
        speed = self._start.speed * turn.pace.speed
        return TtsRequest(turn.text, self._start.target_language or "", self._start.voice, speed)

    def _refusal(self, queue: Translations) -> str:
        """Why a new translation is not said; empty if it is."""
        if self._load.level is Level.CAPTIONS_ONLY:
            return OVERLOADED
        if queue.full():
            return QUEUE_FULL
        return TOO_FAR_BEHIND if self._behind_s() > self._limits.speech_skip_s else ""

    def _sent(self, seconds: float) -> None:
        self._backlog.sent(self._received_s(), seconds)
        if not self._live():  # it will not be held against clauses that come when somebody listens again
            self._backlog.forget(self._received_s())

    def _behind_s(self) -> float:
        if not self._live():
            return 0.0
        return self._backlog.at(self._received_s(), sum(len(clause.text) for clause in self._waiting))


def _without(chunk: TtsChunk, known: int) -> tuple[int, TtsChunk]:
    """The chunk without samples that the client has from before an interruption, and how many more it has."""
    cut = min(known, len(chunk.pcm))
    return known - cut, replace(chunk, pcm=chunk.pcm[cut:]) if cut else chunk
