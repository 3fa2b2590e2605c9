"""What a session must remember to go on elsewhere: folded from the events it has sent, and from nothing else. Pure.

The event log is the truth: whoever folds it again, on another replica, comes to the same state. It says which words are
settled, how many utterances and clauses there have been, which clauses still wait for their translation, and from
which sample on the audio is needed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.clauses import Clause, ClauseSplitter
from izwi.stages import Word

MOST_TRANSLATIONS = 64
"""Translations kept because their speech may not have reached the client: more than ever wait to be spoken."""


class PendingClause(BaseModel):
    """A clause that has been cut and not translated."""

    number: int
    utterance: int
    language: str
    text: str
    start_s: float
    end_s: float

    @property
    def clause(self) -> Clause:
        return Clause(self.text, self.start_s, self.end_s)


class Translation(BaseModel):
    """What is to be said for a clause and those merged into it."""

    number: int
    text: str


class Checkpoint(BaseModel):
    """State of a session after its event ``seq``. Offsets are samples of the stream, 16 kHz."""

    seq: int = 0
    acknowledged: int = 0
    utterances: int = 0
    """Finished ones, which is the number of the one that is open or comes next."""
    ended_at: int = 0
    """Where the last finished utterance ended."""
    onsets: dict[int, int] = Field(default_factory=dict[int, int])
    """Where unfinished utterances began, by number."""
    language: str | None = None
    """Spoken last."""
    words: list[m.WordData] = Field(default_factory=list[m.WordData])
    """Committed in the open utterance."""
    rest: list[m.WordData] = Field(default_factory=list[m.WordData])
    """Those of them that are not part of a clause yet."""
    clauses: int = 0
    """Cut so far, which is the number of the next one."""
    untranslated: list[PendingClause] = Field(default_factory=list[PendingClause])
    translations: list[Translation] = Field(default_factory=list[Translation])
    """The last ones."""
    engines: dict[str, str] = Field(default_factory=dict[str, str])
    voices: dict[int, m.Voice] = Field(default_factory=dict[int, m.Voice])
    """Of those who have spoken, by number, where the session tells who does."""
    over: bool = False
    """The session has ended: there is nothing to resume but its last events."""

    def resume_at(self, preroll: int) -> int:
        """The first sample that is needed again: nothing before it is unsettled, nothing after it is told.

        Args:
            preroll: samples before an utterance's onset that belong to it.
        """
        onset = self.onsets.get(self.utterances)
        return max(self.acknowledged, self.ended_at, onset - preroll if onset is not None else 0)

    def unspoken(self, first: int) -> list[Translation]:
        """Translations from clause ``first`` on, whose speech the client does not have."""
        return [one for one in self.translations if one.number >= first]


class Journal:
    """Folds events into a `Checkpoint`.

    Args:
        clause_max_words: as the session's own clauses are cut.
        translates: whether clauses wait for a translation.
    """

    def __init__(self, clause_max_words: int, translates: bool, checkpoint: Checkpoint | None = None) -> None:
        self.checkpoint = (checkpoint or Checkpoint()).model_copy(deep=True)
        self._translates = translates
        self._splitter = ClauseSplitter(clause_max_words)
        self._splitter.push(spoken(self.checkpoint.rest))

    def fold(self, event: m.ServerMessage) -> None:
        """Take in the next event. Events that tell of no progress change nothing."""
        state = self.checkpoint
        if event.durable:
            state.seq = event.seq
        match event:
            case m.SpeechStartedMessage(data=data):
                state.onsets[data.utterance] = round(data.time_s * SAMPLE_RATE)
            case m.TranscriptCommittedMessage(data=data):
                state.language = data.language
                state.words += data.words
                self._cut(self._splitter.push(spoken(data.words)), data.utterance)
            case m.TranscriptFinalMessage(data=data):
                state.language = data.language or state.language
                self._cut(self._splitter.flush(), data.utterance)
                state.utterances, state.ended_at = data.utterance + 1, round(data.end_s * SAMPLE_RATE)
                state.onsets.pop(data.utterance, None)
                state.words = []
            case m.TranscriptSpeakerMessage(data=data) if data.voice is not None:
                state.voices[data.voice.number] = data.voice
            case m.TranslationCommittedMessage(data=data):
                self._translated(data.clause)
                state.translations.append(Translation(number=data.clause, text=data.text))
                del state.translations[:-MOST_TRANSLATIONS]
            case m.SpeechMergedMessage(data=data):
                self._merge(data.clause, data.into)
            case m.SpeechSkippedMessage(data=data):
                state.translations = [one for one in state.translations if one.number != data.clause]
            case m.ErrorMessage(data=data) if data.clause is not None:
                self._translated(data.clause)
            case m.EngineSwitchedMessage(data=data):
                state.engines[data.stage] = data.after
            case m.SessionEndedMessage():
                state.over = True
            case _:
                pass

    def _cut(self, clauses: list[Clause], utterance: int) -> None:
        state = self.checkpoint
        for clause in clauses:
            if self._translates:
                state.untranslated.append(
                    PendingClause(
                        number=state.clauses,
                        utterance=utterance,
                        language=state.language or "",
                        text=clause.text,
                        start_s=clause.start_s,
                        end_s=clause.end_s,
                    )
                )
            state.clauses += 1
        state.rest = written(self._splitter.rest)

    def _translated(self, number: int) -> None:
        state = self.checkpoint
        state.untranslated = [one for one in state.untranslated if one.number > number]

    def _merge(self, number: int, into: int) -> None:
        state = self.checkpoint
        texts = {one.number: one.text for one in state.translations}
        if number in texts and into in texts:
            texts[into] += f" {texts.pop(number)}"
        state.translations = [Translation(number=key, text=text) for key, text in texts.items()]


def spoken(words: Iterable[m.WordData]) -> list[Word]:
    return [Word(word.text, word.start_s, word.end_s, word.confidence) for word in words]


def written(words: Iterable[Word]) -> list[m.WordData]:
    return [
        m.WordData(text=word.text, start_s=word.start_s, end_s=word.end_s, confidence=round(word.confidence, 3))
        for word in words
    ]


@dataclass(frozen=True)
class Resumed:
    """Where a session takes up; the default is a new one."""

    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    """A copy: the journal goes on."""
    clause: int = 0
    """The first clause whose speech the client does not have in full."""
    samples: int = 0
    """Samples of that clause's speech which it does have."""
    speed: float = 1.0
    """How much it was hurried."""
