"""Translation of one clause after the other, each with the clauses before it as context."""

from collections import deque
from dataclasses import dataclass

from izwi import events
from izwi.errors import IzwiError
from izwi.events import Emit
from izwi.recognition import NoteEngine, SpokenClause
from izwi.stage_settings import MtSettings
from izwi.stages import MtRequest, MtResult, Stages, Timing
from izwi.tracing import Trace


@dataclass(frozen=True)
class Translated:
    """What is to be said for a clause."""

    number: int
    """The clause's number."""
    text: str
    trace: Trace | None = None
    """Of the utterance it was said in."""


class Translation:
    """All clauses of a session.

    Args:
        target: ISO 639-1, or None: then clauses are only counted.
        settings: how much context a request gets.
        stages: `Stages.mt` is called.
        emit: receives translations and failures.
        note_engine: told which engine translated.
        first: number of the first clause.
    """

    def __init__(
        self,
        target: str | None,
        settings: MtSettings,
        stages: Stages,
        emit: Emit,
        note_engine: NoteEngine,
        first: int = 0,
    ) -> None:
        self._target = target
        self._mt = stages.mt
        self._emit = emit
        self._note_engine = note_engine
        self._context: deque[str] = deque(maxlen=settings.context_clauses)
        self.clauses = first
        """Clauses so far, which is the number of the next one."""

    async def translate(self, spoken: SpokenClause) -> Translated | None:
        """Translate a clause and tell the client; None where there is nothing to say."""
        number = self.clauses
        self.clauses += 1
        if self._target is None:
            return None
        clause, languages = spoken.clause, (spoken.language, self._target)
        try:
            result = await self._ask(clause.text, languages)
        except IzwiError as error:
            await self._emit(events.failure(error, clause=number), None)
            return None
        self._context.append(clause.text)
        await self._emit(events.translation(number, spoken.utterance, clause, languages, result), None)
        return Translated(number, result.text, spoken.trace)

    async def _ask(self, text: str, languages: tuple[str, str]) -> MtResult:
        if languages[0] == languages[1]:
            return MtResult(text, Timing("none"))
        result = await self._mt(MtRequest(text, *languages, tuple(self._context)))
        await self._note_engine("mt", result.timing)
        return result
