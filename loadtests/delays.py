"""How late words were, from what a client saw and when. Pure: no clock, no socket.

A client's view is a list of `Shown`: at that time, this text was settled and that was tentative. Words are found in it
by aligning the last settled text with the reference, so that any server can be measured the same way and nothing
depends on times that the server tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True)
class Spoken:
    """A reference word and the wall-clock time, in seconds, at which its last sample had been sent."""

    text: str
    at: float


@dataclass(frozen=True)
class Passage:
    """Speech between two pauses. Times are on the wall clock, in seconds, when that sample had been sent."""

    words: Sequence[Spoken]
    onset: float
    end: float


@dataclass(frozen=True)
class Shown:
    """What the client saw from ``at`` on: all words settled so far, and the tentative ones after them."""

    at: float
    committed: int
    """Number of words of the final settled text that were settled."""
    tentative: Sequence[str]


@dataclass
class Delays:
    """Seconds, in the order of the speech."""

    shown: list[float] = field(default_factory=list)
    """Per word that the server got right: until it was first shown, tentative or not."""
    committed: list[float] = field(default_factory=list)
    """Per word that the server got right: until it was settled."""
    first: list[float] = field(default_factory=list)
    """Per passage: from its onset until any text of it was shown, right or wrong."""
    final: list[float] = field(default_factory=list)
    """Per passage: from the end of its speech until its last word was settled."""


def delays(passages: Sequence[Passage], settled: Sequence[str], views: Sequence[Shown]) -> Delays:
    """Delays of the words that ``settled`` (the final text's words) shares with the reference.

    A word counts as shown at the first view in which it stood at its final place, tentative or settled, give or take
    two places, because words before it may still change.
    """
    found = Delays()
    places = _places([word.text for passage in passages for word in passage.words], settled)
    index = 0
    for passage in passages:
        here = places[index : index + len(passage.words)]
        index += len(passage.words)
        for word, place in zip(passage.words, here, strict=True):
            if place.right and (committed_at := _settled_at(views, place.index)) is not None:
                shown_at = next((view.at for view in views if _shows(view, place.index, word.text)), committed_at)
                found.committed.append(committed_at - word.at)
                found.shown.append(min(shown_at, committed_at) - word.at)
        if here:
            _frame(found, passage, here, views)
    return found


@dataclass(frozen=True)
class _Place:
    """Where a reference word stands in the settled text; a missing one has the place of the next."""

    index: int
    right: bool
    missing: bool = False


def _places(reference: Sequence[str], settled: Sequence[str]) -> list[_Place]:
    places: list[_Place] = []
    for block in Levenshtein.opcodes(reference, settled):
        for offset in range(block.src_end - block.src_start):
            if block.tag == "delete":
                places.append(_Place(block.dest_start, False, missing=True))
            else:  # "replace" has as many words on both sides
                places.append(_Place(block.dest_start + offset, block.tag == "equal"))
    return places


def _frame(found: Delays, passage: Passage, places: Sequence[_Place], views: Sequence[Shown]) -> None:
    """The two delays of a passage as a whole."""
    start = places[0].index
    first = next((v.at for v in views if v.at > passage.onset and v.committed + len(v.tentative) > start), None)
    if first is not None:
        found.first.append(first - passage.onset)
    settled_at = None if places[-1].missing else _settled_at(views, places[-1].index)
    if settled_at is not None:
        found.final.append(settled_at - passage.end)


def _settled_at(views: Sequence[Shown], place: int) -> float | None:
    return next((view.at for view in views if view.committed > place), None)


def _shows(view: Shown, place: int, word: str) -> bool:
    if view.committed > place:
        return True
    index = place - view.committed
    return word in view.tentative[max(0, index - 2) : index + 3]


class Erasure:
    """Normalised erasure (Arivazhagan et al. 2020): words taken back after they were shown, per word of the final text.

    Fed with every text shown of an utterance, its settled words included, and with its final text at last.
    """

    def __init__(self) -> None:
        self._last: dict[str, Sequence[str]] = {}
        self.erased = 0
        self.final = 0
        """Words of the final texts so far."""

    def show(self, utterance: str, text: Sequence[str]) -> None:
        """All words of the utterance that are shown from now on."""
        before = self._last.get(utterance, ())
        kept = next((i for i, (old, new) in enumerate(zip(before, text, strict=False)) if old != new), None)
        self.erased += len(before) - (min(len(before), len(text)) if kept is None else kept)
        self._last[utterance] = text

    def close(self, utterance: str, text: Sequence[str]) -> None:
        """The utterance's final words."""
        self.show(utterance, text)
        del self._last[utterance]
        self.final += len(text)


def normalised(measured: Sequence[Erasure]) -> float | None:
    """Words taken back per word of the final texts, over several speakers; None where there are none."""
    final = sum(one.final for one in measured)
    return sum(one.erased for one in measured) / final if final else None
