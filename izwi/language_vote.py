"""Which language is being spoken: evidence gathered over an utterance's passes instead of trust in the last one.

Detection on a second or two of audio is a guess that flips from pass to pass; its guesses, weighted, settle.
"""

from collections import defaultdict

FULL_WEIGHT_S = 3.0
"""Audio from which a detection counts in full; below, in proportion."""
SETTLED = 1.2
"""Evidence needed to stop asking: two sure detections on two seconds, or one on three and a doubtful one."""
LEAD = 2.0
"""And it must be this many times the runner-up's."""
PRIOR = 0.4
"""Evidence that a speaker goes on in the language spoken before: enough to break ties, not to hide a switch."""


class LanguageVote:
    """The evidence of one utterance. Languages are ISO 639-1 codes."""

    def __init__(self, previous: str | None = None) -> None:
        self._evidence: defaultdict[str, float] = defaultdict(float)
        self._heard = False
        if previous:
            self._evidence[previous] = PRIOR

    def hear(self, language: str, probability: float, seconds: float) -> None:
        """One detection on a window of ``seconds``."""
        self._heard = True
        self._evidence[language] += probability * _weight(seconds)

    def settle(self, language: str | None) -> None:
        """Words of this utterance have been committed in ``language``."""
        if language:
            self._heard = True
            self._evidence[language] += LEAD * SETTLED

    @property
    def best(self) -> str | None:
        """The likeliest so far, None before any evidence: the language spoken before is none."""
        if not self._heard:
            return None
        return max(self._evidence, key=lambda code: self._evidence[code])

    @property
    def settled(self) -> str | None:
        """The language once there is no need to detect it again."""
        ranked = sorted(self._evidence.values(), reverse=True)
        if not ranked or ranked[0] < SETTLED or (len(ranked) > 1 and ranked[0] < LEAD * ranked[1]):
            return None
        return self.best

    def ask(self, seconds: float, careful: bool) -> str | None:
        """What to ask a pass on a window of ``seconds`` for; None to detect it.

        A careful pass may be the utterance's last and its window a short rest: it is asked for the likeliest language,
        unless that was guessed from less audio than there is now.
        """
        best = self.best
        if careful and best and self._evidence[best] >= _weight(seconds):
            return best
        return self.settled


def _weight(seconds: float) -> float:
    return min(1.0, seconds / FULL_WEIGHT_S)
