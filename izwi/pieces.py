"""Texts in pieces: cut into sentences, and those for synthesis, so that the first sound comes before the whole is
synthesised; and joined."""

import re
from collections.abc import Iterable

from izwi.clauses import ABBREVIATION, HARD

MIN_PIECE_CHARS = 8
"""A shorter last piece stays with the one before it: a word on its own gets the melody of a whole sentence."""

MIN_SENTENCE_CHARS = 20
"""A shorter sentence is said together with the next one: "No. 1." and "Yes!" need no breath after them."""

# Thai, Lao, Burmese, Khmer, kana and Han are written without spaces between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# What is never cut: such a character with the marks and punctuation after it, or a run of anything else but space.
_UNIT = re.compile(rf"[{_UNSPACED}][^\w\s]*|[^\s{_UNSPACED}]+")
_PAUSE = re.compile(r"[.,;:!?…،؛؟。、，；：！？।—)\]»”\"]$")

# East Asian punctuation and full-width forms have their room within them.
_WIDE = "\u3000-\u303f\uff01-\uff9f\uffe0-\uffe6"
_TOUCHING = re.compile(f"[{_UNSPACED}{_WIDE}]")

_HARD = re.escape("".join(HARD))
_CLOSING = "\"'”’)»」』"
# A line's end, or a full stop with what closes it: before a space, or in scripts that write none. Runs of full stops
# are tried at their beginning only: trying each takes half a second for 4096 of them.
_END = re.compile(rf"\n+|(?<![{_HARD}])[{_HARD}]++[{_CLOSING}]*(?:\s+|(?<=[。？！][{_CLOSING}]|.[。？！]))")


def sentences(text: str) -> list[str]:
    """Cut a text after its sentences and lines.

    Returns:
        The sentences, stripped and never empty; none of them, but the last, shorter than `MIN_SENTENCE_CHARS`.
        Nothing but white space is lost.
    """
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        sentence = text[start : end.end()].strip()
        if len(sentence) >= MIN_SENTENCE_CHARS and not ABBREVIATION.match(sentence.rsplit(None, 1)[-1]):
            found.append(sentence)
            start = end.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def between(before: str, after: str) -> str:
    """What belongs between two texts: a space, unless there is one or a script on either side writes none."""
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return ""
    return "" if _TOUCHING.match(before[-1]) or _TOUCHING.match(after[0]) else " "


def join_texts(texts: Iterable[str]) -> str:
    """Texts one after the other, with what belongs `between` them."""
    joined = ""
    for text in texts:
        joined += between(joined, text) + text
    return joined


def split_for_speech(text: str, first_chars: int, rest_chars: int) -> list[str]:
    """Cut text into pieces to synthesise one after another.

    The first piece aims for ``first_chars`` characters, later ones for ``rest_chars``; a piece is longer
    only where a single word is, or where less than `MIN_PIECE_CHARS` would be left. Cuts fall between words, after
    punctuation where there is some in the second half of a piece; scripts without spaces are cut between characters.

    Returns:
        The pieces, stripped and never empty. Where words have spaces, joining with single spaces gives the text back.
    """
    rest = " ".join(text.split())
    pieces: list[str] = []
    target = first_chars
    while rest:
        cut = _cut(rest, target)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
        target = rest_chars
    return pieces


def _cut(text: str, target: int) -> int:
    """Where the first piece of ``text`` ends."""
    if len(text) <= target + MIN_PIECE_CHARS:
        return len(text)
    ends = [unit.end() for unit in _UNIT.finditer(text)]
    fitting = [end for end in ends if end <= target]
    pauses = [end for end in fitting if end > target // 2 and _PAUSE.search(text[:end])]
    cut = max(pauses or fitting or ends[:1])
    return cut if len(text) - cut > MIN_PIECE_CHARS else len(text)
