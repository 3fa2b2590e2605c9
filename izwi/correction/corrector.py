"""Writes hotwords where something that sounds like them was recognised. Pure and deterministic.

Every span of up to `MOST_WORDS` words is compared with every hotword, by spelling and by sound: a name that the
recogniser does not know is heard as several words ("sunder pitch eye" for Sundar Pichai) or as one that is not right.
How much alike the two have to be depends on the length of the hotword, on how sure the recogniser was, and on whether
the words are ordinary ones, which are most often right.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from izwi.correction.holding import Beginnings
from izwi.correction.sounds import joined, sound, spelling
from izwi.correction.vocabulary import common, ordinary
from izwi.correction.writing import bare, without_possessive, write
from izwi.messages import HotwordMatch
from izwi.stages import Word

MOST_WORDS = 6
"""Words that one hotword was ever heard as."""
LONGEST_GAP_S = 0.6
"""Silence within a name; longer, and two things were said."""
SURE = 0.99
"""Similarity that is enough in any case."""
LIKELY = 0.08
"""How much less alike than needed a hotword may be to be worth listening for again: with more, names that are not in
the list are more and more often taken for one that is."""
MOST_LIKELY = 12
CHUNK = 2048
"""Spans compared at once: memory stays bounded however long a text is."""


@dataclass(frozen=True)
class Tuning:
    """What decides whether a span is a hotword; measured by ``python -m loadtests.hotwords``."""

    sound: float = 0.5
    """Weight of the sound against the spelling."""
    alike: float = 0.48
    """Similarity, 0 to 1, that a long hotword needs where the recogniser was not sure of words that are none."""
    short: float = 0.03
    """More for each letter that a hotword is shorter than `long`."""
    long: int = 8
    guard: float = 0.15
    """More where all that was heard are ordinary words; in proportion to their letters."""
    sure: float = 0.2
    """More where the recogniser was sure of the words; in proportion to its confidence."""


class _Span(NamedTuple):
    first: int
    end: int
    spelled: str
    sound: str


Row = npt.NDArray[np.float32]
"""One number for each hotword."""
Found = tuple[float, _Span, int, float]
"""By how much more alike than needed, which span, which hotword, and how much alike."""


class Corrector:
    """The hotwords of one session or request.

    Args:
        hotwords: names and terms as they are to be written. Those without a letter or digit are ignored.
        tuning: see `Tuning`.
    """

    def __init__(self, hotwords: Iterable[str], tuning: Tuning = Tuning()) -> None:
        known = {spelled: hotword.strip() for hotword in hotwords if (spelled := spelling(hotword))}
        self.hotwords = tuple(known.values())
        """Each once."""
        self._spelled = tuple(known)
        self._index = {spelled: number for number, spelled in enumerate(self._spelled)}
        self._sounds = [_sound_of(hotword) for hotword in self.hotwords]
        self._tuning = tuning
        self._beginnings = Beginnings(self._sounds)
        lengths = np.array([len(spelled) for spelled in self._spelled], np.float32)
        self._needed = tuning.alike + tuning.short * np.maximum(0, tuning.long - lengths)

    def correct(self, words: Sequence[Word], language: str) -> tuple[list[Word], list[HotwordMatch]]:
        """The words with hotwords in the place of what was misheard for them, and where they are.

        Args:
            words: of one text, in order.
            language: ISO 639-1 of the text, says which words are ordinary; where it is empty, all are.
        """
        if not self.hotwords or not words:
            return list(words), []
        written: list[Word] = []
        matches: list[HotwordMatch] = []
        position = 0
        for span, number, score in self._chosen(words, language):
            written += words[position : span.first]
            heard, hotword = words[span.first : span.end], self.hotwords[number]
            opens = span.first == 0 or words[span.first - 1].text.rstrip().endswith((".", "!", "?"))
            if bare(heard).casefold() == hotword.casefold() and len(heard) == 1 and ordinary(hotword, language):
                written += heard  # it may be the word: "rust", where Rust is a hotword
            else:
                written += write(heard, hotword, opens)
            matches.append(
                HotwordMatch(
                    heard=bare(heard),
                    hotword=hotword,
                    score=round(score, 3),
                    start_s=heard[0].start_s,
                    end_s=heard[-1].end_s,
                )
            )
            position = span.end
        return [*written, *words[position:]], matches

    def begun(self, words: Sequence[Word]) -> int:
        """How many words at the end of a text may be the beginning of a hotword that is still being said."""
        return self._beginnings.begun(words) if self.hotwords else 0

    def likely(self, words: Sequence[Word], language: str) -> tuple[str, ...]:
        """Hotwords that may be in the words, not enough so to write them: a recogniser led by them hears better. The
        likeliest last, as the end of a prompt counts most."""
        if not self.hotwords or not words:
            return ()
        best = np.full(len(self.hotwords), -1.0, np.float32)
        for _, margins, _ in self._compared(words, language, LIKELY):
            best = np.maximum(best, margins)
        ranked = [number for number in map(int, np.argsort(best, kind="stable")) if best[number] >= -LIKELY]
        return tuple(self.hotwords[number] for number in ranked[-MOST_LIKELY:])

    def _chosen(self, words: Sequence[Word], language: str) -> list[tuple[_Span, int, float]]:
        """The best spans that do not overlap, in order."""
        found: list[Found] = []
        for span, margins, scores in self._compared(words, language):
            number = self._index.get(span.spelled, int(margins.argmax()))
            if margins[number] >= 0:
                found.append((float(margins[number]), span, number, float(scores[number])))
        taken: set[int] = set()
        chosen: list[tuple[_Span, int, float]] = []
        for _, span, number, score in sorted(found, key=lambda one: (-one[0], one[1], one[2])):
            places = range(span.first, span.end)
            if taken.isdisjoint(places):
                taken.update(places)
                chosen.append((span, number, score))
        return sorted(chosen)

    def _compared(self, words: Sequence[Word], language: str, below: float = 0.0) -> Iterator[tuple[_Span, Row, Row]]:
        """Spans that may be enough like a hotword, or ``below`` that: by how much more than needed each hotword is like
        it, and how much. What is spelled as a hotword is above all others, or, where that is chance, below."""
        weight = self._tuning.sound
        spans = _spans(words)
        for begin in range(0, len(spans), CHUNK):
            chunk = spans[begin : begin + CHUNK]
            by_spelling = _similarity([span.spelled for span in chunk], self._spelled)
            by_sound = _similarity([span.sound for span in chunk], self._sounds)
            scores = (1 - weight) * by_spelling + weight * by_sound
            for row in map(int, np.flatnonzero(scores.max(axis=1) >= self._needed.min() - below)):
                span = chunk[row]
                needed = np.minimum(self._needed + self._doubt(words[span.first : span.end], language), SURE)
                margins = scores[row] - needed
                if (exact := self._index.get(span.spelled)) is not None:
                    by_chance = self._by_chance(words[span.first : span.end], self.hotwords[exact], language)
                    margins[exact] = -1.0 if by_chance else 1.0
                    scores[row, exact] = 1.0
                yield span, margins, scores[row]

    def _by_chance(self, heard: Sequence[Word], hotword: str, language: str) -> bool:
        """Whether words that are spelled as a short hotword are a sentence's own: "give us a call" has no USA in it."""
        written = bare(heard).split()
        return (
            len(written) != len(hotword.split())
            and sum(map(len, map(spelling, written))) < self._tuning.long
            and all(ordinary(word, language) for word in written)
            and any(common(word, language) for word in written)
        )

    def _doubt(self, heard: Sequence[Word], language: str) -> float:
        """How much more alike than others words have to be that may well be right."""
        letters = [max(1, len(spelling(word.text))) for word in heard]
        usual = sum(n for n, word in zip(letters, heard, strict=True) if ordinary(word.text, language)) / sum(letters)
        confidence = sum(n * word.confidence for n, word in zip(letters, heard, strict=True)) / sum(letters)
        return self._tuning.guard * usual + self._tuning.sure * confidence


def _spans(words: Sequence[Word]) -> list[_Span]:
    """Up to `MOST_WORDS` neighbours without a pause between them."""
    spelled = [spelling(word.text) for word in words]
    last = [spelling(without_possessive(word.text)) for word in words]
    spans: list[_Span] = []
    for first in range(len(words)):
        if not spelled[first]:
            continue
        together, heard = "", ""
        for end in range(first + 1, min(first + MOST_WORDS, len(words)) + 1):
            if end - first > 1 and words[end - 1].start_s - words[end - 2].end_s > LONGEST_GAP_S:
                break
            if spelled[end - 1]:
                spans.append(_Span(first, end, together + last[end - 1], joined(heard, sound(last[end - 1]))))
                together += spelled[end - 1]
                heard = joined(heard, sound(spelled[end - 1]))
    return spans


def _sound_of(hotword: str) -> str:
    return reduce(joined, (sound(spelling(word)) for word in hotword.split()), "")


def _similarity(left: Sequence[str], right: Sequence[str]) -> npt.NDArray[np.float32]:
    return cdist(left, right, scorer=Levenshtein.normalized_similarity, dtype=np.float32)


@lru_cache(64)
def _corrector(hotwords: tuple[str, ...]) -> Corrector:
    return Corrector(hotwords)


def correct(
    words: Sequence[Word], hotwords: Sequence[str], language: str = ""
) -> tuple[list[Word], list[HotwordMatch]]:
    """`Corrector.correct` for a single text."""
    return _corrector(tuple(hotwords)).correct(words, language)
