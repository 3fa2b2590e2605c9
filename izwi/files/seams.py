"""Joins what was heard in two windows that overlap, without a word twice or none. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from izwi.stages import Word

SAME_S = 0.6
"""Most that the times of one word differ between two windows: attention times waver by half a second."""


def join(left: Sequence[Word], right: Sequence[Word], cut_s: float, overlap_s: float) -> tuple[list[Word], list[Word]]:
    """What to keep of either side.

    The words that both heard alike near the cut show where one window's words are the other's; the left window is
    believed up to the middle of the longest such run, the right one after it. Where they have none in common, each is
    believed up to the cut.

    Args:
        left: words of the window that ends ``overlap_s`` after the cut; times are of the recording.
        right: words of the window that begins ``overlap_s`` before it.
    """
    tail = [n for n, word in enumerate(left) if word.end_s > cut_s - overlap_s]
    head = [n for n, word in enumerate(right) if word.start_s < cut_s + overlap_s]
    run = SequenceMatcher(
        None, [_plain(left[n]) for n in tail], [_plain(right[n]) for n in head], autojunk=False
    ).find_longest_match()
    if run.size:
        last, first = tail[run.a + (run.size - 1) // 2], head[run.b + (run.size - 1) // 2]
        if abs(left[last].start_s - right[first].start_s) <= SAME_S:
            return list(left[: last + 1]), [_from(left[last].end_s, word) for word in right[first + 1 :]]
    return [word for word in left if _middle(word) < cut_s], [word for word in right if _middle(word) >= cut_s]


def _from(start_s: float, word: Word) -> Word:
    """Not before ``start_s``: the two windows' times differ, and time goes on."""
    return replace(word, start_s=max(start_s, word.start_s), end_s=max(start_s, word.end_s))


def _middle(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def same(one: Word, other: Word) -> bool:
    """Whether two words are the same but for case and punctuation."""
    return _plain(one) == _plain(other)


def _plain(word: Word) -> str:
    return "".join(char for char in word.text.casefold() if char.isalnum()) or word.text.strip()
