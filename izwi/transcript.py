"""The text of one utterance while it grows: agreement, clauses, and which audio is still needed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from izwi.agreement import Agreement
from izwi.audio import SAMPLE_RATE
from izwi.clauses import Clause, ClauseSplitter, text_of
from izwi.correction import Corrector
from izwi.correction.holding import may_end
from izwi.messages import HotwordMatch
from izwi.session_settings import SessionSettings
from izwi.stages import Word
from izwi.utterance import Window

FORCED_TAIL_S = 2.0
"""When a window is committed by force, its last words are left: they may be cut off."""
COMPLETE_S = 0.5
"""A last word followed by this much more audio is not cut off: what follows just has not been recognised yet."""


@dataclass(frozen=True)
class Update:
    """What one recognition pass has settled."""

    fresh: Sequence[Word]
    """Newly committed words, times in session seconds."""
    text: str
    """The same as text, to be appended to what was committed before."""
    clauses: Sequence[Clause]
    """Clauses they complete."""
    keep_from: int
    """Stream offset before which the audio is no longer needed."""
    changed: bool
    """Something a client sees is different from before: words were settled, or the tentative ones are others."""


class Transcript:
    """Committed and tentative text of one utterance.

    Args:
        limits: the session's settings.
        corrector: writes hotwords into each hypothesis, so that hypotheses agree on them.
    """

    def __init__(self, limits: SessionSettings, corrector: Corrector = Corrector(())) -> None:  # noqa: B008 - never changes
        self._limits = limits
        self._corrector = corrector
        self._heard: list[HotwordMatch] = []  # in the last hypothesis
        self.matches: list[HotwordMatch] = []
        """Hotwords that were committed."""
        self._agreement = Agreement(limits.agreement_window, limits.agreement_threshold, limits.min_confidence)
        self._votes = limits.policy == "agreement"
        self._splitter = ClauseSplitter(limits.clause_max_words)

    def resume(self, committed: Sequence[Word], rest: Sequence[Word]) -> None:
        """Go on after words that were committed before an interruption; ``rest`` of them are in no clause yet."""
        self._agreement.committed = list(committed)
        self._splitter.push(rest)

    @property
    def committed(self) -> str:
        return text_of(self._agreement.committed)

    @property
    def tentative(self) -> str:
        """Without the doubtful words at its end: the next hypothesis would take most of them back."""
        words = self._agreement.tentative
        while words and words[-1].confidence < self._limits.show_confidence:
            words = words[:-1]
        return text_of(words)

    def update(self, window: Window, words: Sequence[Word], language: str = "") -> Update:
        """Take the words recognised in ``window``, in a language (ISO 639-1), their times relative to its start."""
        start_s, length_s = window.start / SAMPLE_RATE, len(window.samples) / SAMPLE_RATE
        hypothesis = [
            Word(word.text, round(start_s + word.start_s, 3), round(start_s + word.end_s, 3), word.confidence)
            for word in words
        ]
        if not self._agreement.committed and _mean_confidence(hypothesis) < self._limits.noise_confidence:
            hypothesis = []
        settled_s = start_s + length_s - FORCED_TAIL_S if length_s >= self._limits.max_window_s else 0.0
        if not hypothesis and not window.final and not settled_s:
            return Update([], "", [], window.start, changed=False)  # a doubtful pass: what was tentative stays so
        before = self.tentative
        end_s = start_s + length_s
        hypothesis, self._heard = self._corrector.correct(hypothesis, language)
        fresh = self._agreement.update(
            hypothesis,
            start_s,
            final=window.final or (window.pause and not self._votes),
            vote=self._votes,
            complete_before_s=end_s if window.pause else end_s - COMPLETE_S,
            force_before_s=settled_s,
            trust_before_s=end_s - self._limits.trust_after_s,
            settle_before_s=end_s - self._limits.settle_after_s,
            may_end=may_end(hypothesis, self._heard, self._corrector.begun(hypothesis), end_s),
        )
        return self._settle(fresh, window, self._keep_from(start_s, length_s, settled_s), before)

    def give_up(self, window: Window) -> Update:
        """The window cannot be recognised: what was tentative is the best there is, its audio is let go."""
        before = self.tentative
        fresh = self._agreement.commit_tentative()
        return self._settle(fresh, window, (window.start + len(window.samples)) / SAMPLE_RATE, before)

    def _settle(self, fresh: list[Word], window: Window, keep_s: float, before: str) -> Update:
        text = "".join(word.text for word in fresh)
        ends = {word.end_s for word in fresh}
        self.matches += [match for match in self._heard if match.end_s in ends]
        first = len(fresh) == len(self._agreement.committed)
        clauses = self._splitter.push(fresh) + (self._splitter.flush() if window.final else [])
        changed = bool(fresh) or self.tentative != before
        return Update(fresh, text.lstrip() if first else text, clauses, int(keep_s * SAMPLE_RATE), changed)

    def _keep_from(self, start_s: float, length_s: float, settled_s: float) -> float:
        """A long window loses its settled part, cut where a word begins so that none is clipped."""
        if length_s < self._limits.trim_s:
            return start_s
        # After a forced commit the audio goes even if nothing was recognised in it.
        floor_s = max(start_s, settled_s - FORCED_TAIL_S)
        committed = self._agreement.committed
        if not committed:
            return floor_s
        overlap_s = committed[-1].end_s - self._limits.overlap_s
        first_kept = next(word for word in committed if word.end_s >= overlap_s)
        return max(first_kept.start_s, floor_s)


def _mean_confidence(words: Sequence[Word]) -> float:
    return sum(word.confidence for word in words) / len(words) if words else 0.0
