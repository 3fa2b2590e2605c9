"""Where a growing text may be committed up to, so that no hotword is cut in half.

Committed words never change, and a name of several words comes word by word: "sunder" must not be settled a moment
before "pitch eye" shows that it was Sundar Pichai. So what sounds like the beginning of a hotword at the end of a
hypothesis waits for what follows, for `HOLD_S` at most.
"""

from collections.abc import Sequence

from izwi.correction.sounds import joined, sound, spelling
from izwi.messages import HotwordMatch
from izwi.stages import Word

HOLD_S = 1.2
"""Audio after a word from which it waits no longer: the next word of a name has been heard by two passes then."""
MOST_BEGUN = 3
"""Words that are looked at as a beginning."""
LEAST = 4
"""Sounds that a beginning has: "some" begins semaglutide, and "the" and "and" would begin too many names."""


class Beginnings:
    """What hotwords begin with.

    Args:
        sounds: of each.
    """

    def __init__(self, sounds: Sequence[str]) -> None:
        self._sounds = {one[:length] for one in sounds for length in range(LEAST, len(one))}

    def begun(self, words: Sequence[Word]) -> int:
        """How many words at the end may be the beginning of a hotword."""
        together, count = "", 0
        for number, word in enumerate(reversed(words[-MOST_BEGUN:]), 1):
            together = joined(sound(spelling(word.text)), together)
            if together in self._sounds:
                count = number
        return count


def may_end(words: Sequence[Word], matches: Sequence[HotwordMatch], begun: int, end_s: float) -> list[bool]:
    """For each word whether the committed text may end with it.

    Args:
        words: of a hypothesis, corrected.
        matches: the hotwords in it.
        begun: see `Beginnings.begun`.
        end_s: where the audio ends.
    """
    first_begun = len(words) - begun

    def inside(word: Word) -> bool:
        """In a hotword and not its end. Of one that was misheard at the end of the text, more may be still to come."""
        return any(
            one.start_s <= word.start_s and (word.end_s < one.end_s or (one.score < 1 and one.end_s == words[-1].end_s))
            for one in matches
            if word.end_s <= one.end_s
        )

    return [
        word.end_s <= end_s - HOLD_S or (place < first_begun and not inside(word)) for place, word in enumerate(words)
    ]
