"""Cuts committed words into clauses: the unit of translation and synthesis."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from izwi.stages import Word

HARD = tuple(".?!…。？！؟۔।॥။።")
SOFT = tuple(",;:—、，；：،؛၊፣")
SOFT_MIN_WORDS = 4
"""A comma ends a clause only after this many words: shorter ones translate badly on their own."""
ABBREVIATION = re.compile(r"^(?:mr|mrs|ms|dr|st|prof|sr|jr|vs|no|sra|dra|e\.g|i\.e|[^\W\d_])\.$", re.IGNORECASE)
"""A full stop that ends no sentence: titles, initials, Latin shorthands."""


@dataclass(frozen=True)
class Clause:
    """Consecutive words; times are session seconds."""

    text: str
    start_s: float
    end_s: float


def text_of(words: Iterable[Word]) -> str:
    """Words as written: their own spaces, none at the ends."""
    return "".join(word.text for word in words).strip()


class ClauseSplitter:
    """Collects words and gives a clause back as soon as one is complete."""

    def __init__(self, max_words: int) -> None:
        self._max_words = max_words
        self._words: list[Word] = []

    @property
    def rest(self) -> list[Word]:
        """Words that are not part of a clause yet."""
        return list(self._words)

    def push(self, words: Iterable[Word]) -> list[Clause]:
        clauses: list[Clause] = []
        for word in words:
            self._words.append(word)
            if self._ends(word.text.strip()):
                clauses += self.flush()
        return clauses

    def flush(self) -> list[Clause]:
        """What is left, if it holds anything that can be said."""
        words, self._words = self._words, []
        text = text_of(words)
        if not any(c.isalnum() for c in text):
            return []
        return [Clause(text, words[0].start_s, words[-1].end_s)]

    def _ends(self, text: str) -> bool:
        closed = text.rstrip("\"'”’)»")
        if closed.endswith(HARD):
            return not ABBREVIATION.match(closed)
        if closed.endswith(SOFT):
            return len(self._words) >= SOFT_MIN_WORDS
        return len(self._words) >= self._max_words
