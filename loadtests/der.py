"""Diarization error rate (NIST RT-09 evaluation plan), exact: the share of reference speech that was
given to nobody or to another, plus what was given to somebody where nobody spoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations


@dataclass(frozen=True)
class Span:
    """Somebody speaks, in seconds of the recording."""

    speaker: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Errors:
    """Seconds of the recording."""

    speech_s: float
    missed_s: float
    false_alarm_s: float
    confused_s: float

    @property
    def rate(self) -> float:
        return (self.missed_s + self.false_alarm_s + self.confused_s) / self.speech_s


def errors(reference: Sequence[Span], found: Sequence[Span], collar_s: float = 0.0) -> Errors:
    """What is wrong with ``found`` under the assignment of its speakers to those of the reference that leaves least
    confused. Up to some eight speakers: all assignments are tried.

    Args:
        reference: who spoke.
        found: who is said to have spoken.
        collar_s: seconds before and after each boundary of the reference that do not count; NIST takes 0.25.
    """
    edges = {second for span in reference for second in (span.start_s, span.end_s)}
    near = {edge + collar for edge in edges for collar in (-collar_s, collar_s)}
    cuts = sorted(near | edges | {second for span in found for second in (span.start_s, span.end_s)})
    speech = missed = false_alarm = both = 0.0
    shared: dict[tuple[str, str], float] = {}
    for start, end in pairwise(cuts):
        if any(abs((start + end) / 2 - edge) < collar_s for edge in edges):
            continue
        true, said = ({s.speaker for s in spans if s.start_s <= start < s.end_s} for spans in (reference, found))
        seconds = end - start
        speech += seconds * len(true)
        missed += seconds * max(0, len(true) - len(said))
        false_alarm += seconds * max(0, len(said) - len(true))
        both += seconds * min(len(true), len(said))
        for pair in ((t, s) for t in true for s in said):
            shared[pair] = shared.get(pair, 0.0) + seconds
    return Errors(speech, missed, false_alarm, both - most_right(shared))


def most_right(shared: dict[tuple[str, str], float]) -> float:
    """Seconds that are right under the best one-to-one assignment."""
    true, said = sorted({t for t, _ in shared}), sorted({s for _, s in shared})
    if len(true) > len(said):
        true, said = said, true
        shared = {(s, t): seconds for (t, s), seconds in shared.items()}
    chosen = permutations(said, len(true))
    return max(sum(shared.get(pair, 0.0) for pair in zip(true, some, strict=True)) for some in chosen)
