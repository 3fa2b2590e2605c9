"""Whether a language model did what it was asked for: it may have answered, continued or refused instead. Pure."""

from rapidfuzz.distance import Levenshtein

from izwi.correction.sounds import spelling
from izwi.stages import LlmRequest

MOST_CHANGED = 0.4
"""Share of letters that a correction changes at most; recognition that is worse is not worth keeping either way."""
SLACK = 8
"""Letters that may change in any case: one name in a short sentence."""
MOST_LONGER = 3.0
"""Times the length of the text that a translation may have, either way: languages differ by less than two, scripts
without vowels or with a character a word by more."""


def plausible(asked: LlmRequest, answer: str) -> bool:
    """Whether ``answer`` may be the text of ``asked`` corrected or translated."""
    if not answer.strip() or answer.count("\n") > asked.text.count("\n"):
        return False
    if any(mark in answer and mark not in asked.text for mark in ("```", "{", "<|", "</")):
        return False
    before, after = spelling(asked.text), spelling(answer)
    if asked.role == "translator":
        return (
            bool(after)
            and len(after) <= MOST_LONGER * len(before) + SLACK
            and len(before) <= MOST_LONGER * len(after) + SLACK
        )
    return Levenshtein.distance(before, after) <= max(SLACK, MOST_CHANGED * len(before))
