"""LocalAgreement-n: which words of a growing hypothesis are stable enough to show for good.

After Liu et al. 2020 (Low-latency sequence-to-sequence speech recognition) and Macháček et al. 2023 (Turning
Whisper into a real-time transcription system). Every update brings a hypothesis over a window that still
contains some committed words; the part that re-tells them is found by edit distance and time and set aside. A word
of the rest is committed once enough of the last hypotheses share it and everything before it.
"""

import unicodedata
from collections import deque
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from izwi.stages import Word

EDIT_SECONDS = 0.7
"""A boundary this far from the last commit costs as much as one wrong word; word times are good to 0.2 s."""


def normalise(text: str) -> str:
    """A word without case and punctuation, for comparison; pure punctuation stays what it is."""
    bare = "".join(c for c in text.casefold() if not unicodedata.category(c).startswith(("P", "Z", "S")))
    return bare or text.strip()


def retold(committed: Sequence[Word], hypothesis: Sequence[Word]) -> int:
    """How many leading words of ``hypothesis`` re-tell ``committed`` (the committed words inside its window)."""
    if not committed:
        return 0
    expected = [normalise(word.text) for word in committed]
    heard = [normalise(word.text) for word in hypothesis]
    boundary = committed[-1].end_s

    def cost(count: int) -> float:
        end = hypothesis[count - 1].end_s if count else hypothesis[0].start_s
        return Levenshtein.distance(expected, heard[:count]) + abs(end - boundary) / EDIT_SECONDS

    return min(range(len(heard) + 1), key=cost) if heard else 0


class Agreement:
    """The committed and tentative words of one utterance. Committed words never change.

    Args:
        window: hypotheses that vote on a word.
        threshold: share of them that must agree, in (0, 1].
        min_confidence: below it, one hypothesis more votes.
    """

    def __init__(self, window: int, threshold: float, min_confidence: float) -> None:
        self._window = window
        self._threshold = threshold
        self._min_confidence = min_confidence
        self._history: deque[list[str]] = deque(maxlen=window + 1)
        self.committed: list[Word] = []
        self.tentative: list[Word] = []

    def update(
        self,
        hypothesis: Sequence[Word],
        window_start_s: float,
        *,
        final: bool = False,
        vote: bool = True,
        complete_before_s: float = 0.0,
        force_before_s: float = 0.0,
        trust_before_s: float = 0.0,
        settle_before_s: float = 0.0,
        may_end: Sequence[bool] = (),
    ) -> list[Word]:
        """Take a hypothesis (times in session seconds) and return the newly committed words.

        Args:
            window_start_s: where the decoded audio begins.
            final: the audio is complete, commit everything.
            vote: whether hypotheses may settle words at all; if not, only ``final`` and ``force_before_s`` do.
            complete_before_s: the last word, too, may be committed if it ends before this time; otherwise it has to
                wait for company, because the end of the audio may have cut it off.
            force_before_s: commit words that end before this time even without agreement.
            trust_before_s: confident words that end before this time need no agreement: enough was heard after them.
            settle_before_s: doubtful words that end before this time need no more hypotheses than others.
            may_end: for each word of ``hypothesis`` whether what is committed may end with it, unless it is forced;
                empty for all of them.
        """
        inside = [word for word in self.committed if word.start_s >= window_start_s - 0.05]
        told = retold(inside, hypothesis)
        rest = list(hypothesis[told:])
        keys = [normalise(word.text) for word in rest]
        self._history.append(keys)
        count = 0
        for index, word in enumerate(rest):
            forced = word.end_s < force_before_s
            complete = index + 1 < len(rest) or word.end_s <= complete_before_s
            doubtful = word.confidence < self._min_confidence or word.end_s <= word.start_s
            trusted = word.end_s < trust_before_s and not doubtful
            voters = self._window + (doubtful and word.end_s >= settle_before_s)
            agreed = complete and self._agreed(keys[: index + 1], voters)
            if not (final or forced or (vote and (trusted or agreed))):
                break
            if final or forced or not may_end or may_end[told + index]:
                count = index + 1
        self._forget(keys[:count])
        fresh = rest[:count]
        self.committed += fresh
        self.tentative = rest[count:]
        return fresh

    def commit_tentative(self) -> list[Word]:
        """Settle for the last hypothesis: nothing better will come."""
        fresh, self.tentative = self.tentative, []
        self.committed += fresh
        return fresh

    def _agreed(self, prefix: list[str], voters: int) -> bool:
        votes = list(self._history)[-voters:]
        if len(votes) < voters:
            return False
        return sum(vote[: len(prefix)] == prefix for vote in votes) / voters >= self._threshold

    def _forget(self, prefix: list[str]) -> None:
        """Take what was just committed out of the history; a vote that disagreed with it is void."""
        size = len(prefix)
        for index, vote in enumerate(self._history):
            self._history[index] = vote[size:] if vote[:size] == prefix else []
