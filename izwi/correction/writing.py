"""Puts a hotword in the place of what was heard: its spelling, with the punctuation, times and case of the sentence."""

import itertools
import re
from collections.abc import Sequence

from izwi.stages import Word

_LEAD = re.compile(r"^[\W_]*", re.UNICODE)
_TAIL = re.compile(r"(?:['’]s)?[\W_]*$", re.UNICODE | re.IGNORECASE)
_PIECE = re.compile(r"\s*\S+")


def without_possessive(text: str) -> str:
    """A word without the "'s" that a name takes in a sentence."""
    return text[: len(text) - len(_tail(text))]


def bare(words: Sequence[Word]) -> str:
    """What was heard, without the punctuation around it."""
    text = "".join(word.text for word in words)
    return text[len(_lead(text)) : len(text) - len(_tail(text))]


def write(heard: Sequence[Word], hotword: str, opens: bool) -> list[Word]:
    """The words of ``hotword`` over the time of those that were heard.

    Args:
        opens: a sentence begins here: a hotword in lower case keeps the capital that was heard.
    """
    text = "".join(word.text for word in heard)
    lead, tail = _lead(text), _tail(text)
    if hotword.lower().endswith(("'s", "’s")):
        tail = re.sub(r"^['’]s", "", tail, flags=re.IGNORECASE)
    heard_first = text[len(lead) : len(lead) + 1]
    if opens and heard_first.isupper() and hotword[:1].islower():
        hotword = hotword[:1].upper() + hotword[1:]
    pieces: list[str] = _PIECE.findall(f"{lead}{hotword}{tail}")
    if len(pieces) == len(heard):
        return [Word(piece, w.start_s, w.end_s, w.confidence) for piece, w in zip(pieces, heard, strict=True)]
    return _spread(pieces, heard)


def _spread(pieces: Sequence[str], heard: Sequence[Word]) -> list[Word]:
    """Other words than were heard share their time by length, and their confidence."""
    start, end = heard[0].start_s, heard[-1].end_s
    confidence = sum(word.confidence for word in heard) / len(heard)
    total = sum(map(len, pieces))
    edges = [start]
    for piece in pieces:
        edges.append(edges[-1] + (end - start) * len(piece) / total)
    edges = [round(edge, 3) for edge in edges[:-1]] + [end]
    times = itertools.pairwise(edges)
    return [Word(piece, *time, confidence) for piece, time in zip(pieces, times, strict=True)]


def _lead(text: str) -> str:
    found = _LEAD.match(text)
    return found[0] if found else ""


def _tail(text: str) -> str:
    found = _TAIL.search(text)
    return found[0] if found else ""
