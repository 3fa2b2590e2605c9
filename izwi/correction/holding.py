"""Where a growing text may be committed up to, so that no hotword is cut in half.

Committed words never change, and a name of several words comes word by word: "sunder" must not be settled a moment
before "pitch eye" shows that it was Sundar Pichai. So a possible beginning of a hotword at the end of a hypothesis waits
for what follows, for `HOLD_S` at most.
"""

from collections.abc import Sequence

from izwi.correction.sounds import sound, spelling
from izwi.messages import HotwordMatch
from izwi.stages import Word

HOLD_S = 1.2
"""Audio after a word from which it waits no longer: the next word of a name has been heard by two passes then."""
MOST_BEGUN = 3
"""Words that are looked at as a beginning."""
LEAST = 3
"""Letters that a beginning has: "in" begins half of all names."""


class Beginnings:
    """What hotwords begin with.

    Args:
        spelled: `spelling` of each.
    """

    def __init__(self, spelled: Sequence[str]) -> None:
        self._spelled = {one[:length] for one in spelled for length in range(LEAST, len(one) - 1)}
        self._sounds = {sound(beginning) for beginning in self._spelled}

    def begun(self, words: Sequence[Word]) -> int:
        """How many words at the end may be the beginning of a hotword."""
        joined, count = "", 0
        for number, word in enumerate(reversed(words[-MOST_BEGUN:]), 1):
            joined = spelling(word.text) + joined
            if len(joined) >= LEAST and (joined in self._spelled or sound(joined) in self._sounds):
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
    return [
        word.end_s <= end_s - HOLD_S
        or (place < first_begun and not any(one.start_s <= word.start_s and word.end_s < one.end_s for one in matches))
        for place, word in enumerate(words)
    ]
