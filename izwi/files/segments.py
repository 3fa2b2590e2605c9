"""Words of a recording as segments: what subtitles show at once, and what clients call a segment. Pure."""

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from izwi.clauses import ABBREVIATION, HARD, text_of
from izwi.stages import Corrected, Word

LONGEST_S = 12.0
"""A segment this long ends at the next word: no sentence is read in one piece for longer."""
PAUSE_S = 0.8
"""A pause that ends a segment even in mid-sentence."""
CLOSING = "\"'”’»)]"
"""May stand after the mark that ends a sentence."""


@dataclass(frozen=True)
class Segment:
    """A sentence, or a part of one. Times are seconds of the recording."""

    number: int
    words: tuple[Word, ...]
    text: str
    speaker: str | None = None
    llm: Corrected | None = None
    """What a language model made of ``text``, where it was asked."""

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s

    @property
    def logprob(self) -> float:
        """Mean natural logarithm of the words' probabilities."""
        return sum(math.log(max(word.confidence, 1e-6)) for word in self.words) / len(self.words)

    @property
    def compression_ratio(self) -> float:
        """As Whisper's: text that repeats itself compresses well."""
        text = self.text.encode()
        return len(text) / len(zlib.compress(text))


class Segmentation:
    """Cuts words into segments as they come.

    Args:
        words: of the segment that has begun.
        count: segments before it.
    """

    def __init__(self, words: Iterable[Word] = (), count: int = 0) -> None:
        self._words = list(words)
        self._count = count

    @property
    def words(self) -> tuple[Word, ...]:
        """Of the segment that has begun."""
        return tuple(self._words)

    @property
    def count(self) -> int:
        """Segments so far."""
        return self._count

    def push(self, words: Iterable[Word]) -> Iterator[Segment]:
        for word in words:
            if self._words and self._ends(word):
                yield from self.flush()
            self._words.append(word)

    def flush(self) -> Iterator[Segment]:
        """What is left."""
        words, self._words = tuple(self._words), []
        if text := text_of(words):
            yield Segment(self._count, words, text)
            self._count += 1

    def _ends(self, following: Word) -> bool:
        """Whether the words so far are a segment, now that the next word is known."""
        last = self._words[-1]
        text = last.text.strip()
        sentence = text.rstrip(CLOSING).endswith(HARD) and not ABBREVIATION.match(text)
        long = following.end_s - self._words[0].start_s > LONGEST_S
        return sentence or long or following.start_s - last.end_s > PAUSE_S


def by_speaker(words: Sequence[Word], speakers: Sequence[str]) -> list[Segment]:
    """Segments of one speaker each.

    Args:
        speakers: one per word.
    """
    segments: list[Segment] = []
    for speaker, group in groupby(zip(words, speakers, strict=True), key=lambda pair: pair[1]):
        segmentation = Segmentation(count=len(segments))
        spoken = [*segmentation.push(word for word, _ in group), *segmentation.flush()]
        segments += [replace(segment, speaker=speaker) for segment in spoken]
    return segments
