"""How late words were, from what a client saw and when. Pure: no clock, no socket.

A client's view is a list of `Shown`: at that time, this text was settled and that was tentative. Words are found in it
by aligning the last settled text with the reference, so that any server can be measured the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from izwi.agreement import normalise


@dataclass(frozen=True)
class Spoken:
    """A reference word and the wall-clock time, in seconds, at which its last sample had been sent."""

    text: str
    at: float


@dataclass(frozen=True)
class Shown:
    """What the client saw from ``at`` on: all words settled so far, and the tentative ones after them."""

    at: float
    committed: int
    """Number of words of the final settled text that were settled."""
    tentative: Sequence[str]


@dataclass
class Delays:
    """Seconds per reference word that the server got right."""

    shown: list[float] = field(default_factory=list)
    committed: list[float] = field(default_factory=list)


def words(text: str) -> list[str]:
    """Words of a text, without case and punctuation."""
    return [bare for part in text.split() if (bare := normalise(part)) and bare[0].isalnum()]


def delays(spoken: Sequence[Spoken], settled: Sequence[str], views: Sequence[Shown]) -> Delays:
    """Delays of the words that ``settled`` (the final text's words) shares with the reference.

    A word counts as shown at the first view in which it stood at its final place, tentative or settled, give or take
    two places, because words before it may still change.
    """
    found = Delays()
    reference = [word.text for word in spoken]
    for block in Levenshtein.opcodes(reference, list(settled)):
        if block.tag != "equal":
            continue
        for offset in range(block.src_end - block.src_start):
            word, place = spoken[block.src_start + offset], block.dest_start + offset
            committed_at = next((view.at for view in views if view.committed > place), None)
            if committed_at is None:
                continue
            shown_at = next((view.at for view in views if _shows(view, place, word.text)), committed_at)
            found.committed.append(committed_at - word.at)
            found.shown.append(min(shown_at, committed_at) - word.at)
    return found


def _shows(view: Shown, place: int, word: str) -> bool:
    if view.committed > place:
        return True
    index = place - view.committed
    return word in view.tentative[max(0, index - 2) : index + 3]


def erasure(tentative: Sequence[Sequence[str]], final_words: int) -> float:
    """Normalised erasure (Arivazhagan et al. 2020): tentative words taken back, per word of the final text.

    Args:
        tentative: all words shown, settled and tentative, view by view.
    """
    erased = 0
    for before, after in pairwise(tentative):
        kept = 0
        for old, new in zip(before, after, strict=False):
            if old != new:
                break
            kept += 1
        erased += len(before) - kept
    return erased / final_words if final_words else 0.0
