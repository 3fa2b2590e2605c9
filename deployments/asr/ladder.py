"""The tries a window gets until the guard believes it, and which windows are tried together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployments.asr import guard
from deployments.asr.engine import Transcript
from deployments.asr.guard import Decoded, Verdict
from izwi.audio import SAMPLE_RATE
from izwi.stages import AsrRequest

FULL_S = 30.0
"""Whisper's own window."""
BUCKET = 2.0
"""A window may be padded to this many times its length for company: encoding more silence costs less than decoding
alone, which takes two thirds of a pass."""


Split = Callable[[list[int]], tuple[list[str], list[list[int]]]]
"""Tokens to words, and to the tokens of each."""


@dataclass(frozen=True)
class Rung:
    """One try: the length of the window with its silence, and the temperature of sampling (0: beam search)."""

    total_s: float
    temperature: float = 0.0


@dataclass
class Job:
    """A window on its way up the rungs."""

    request: AsrRequest
    rungs: tuple[Rung, ...]
    tries: int = 0
    heard: Transcript | None = None

    @property
    def seconds(self) -> float:
        return self.request.samples.size / SAMPLE_RATE

    @property
    def rung(self) -> Rung:
        return self.rungs[self.tries]

    @property
    def padded(self) -> bool:
        return self.rung.total_s >= FULL_S

    @property
    def last(self) -> bool:
        """Nothing better is to be expected of another try."""
        return self.tries == len(self.rungs) - 1


def believed(job: Job, decoded: Decoded, split: Split) -> tuple[int, ...] | None:
    """The tokens of a decoding that are believed, perhaps none; None to try again.

    A partial pass gets no second try where a word less does no harm, because the next one has more audio and the
    others of its batch wait: an echo at the end is cut off. A third of the 0.5 s openings of an utterance are unsure,
    and none beyond 2 s; a longer window would guess no better.
    """
    partial = not job.request.final
    match guard.judge(decoded):
        case Verdict.SILENCE:
            return ()
        case Verdict.UNSURE if partial:
            return ()
        case Verdict.GOOD:
            return guard.cut_loops(decoded.tokens)
        case Verdict.LOOP | Verdict.REPEAT | Verdict.CAPPED if partial and (once := _once(decoded.tokens, split)):
            return once
        case _:
            return guard.cut_loops(decoded.tokens) if job.last else None


def _once(tokens: tuple[int, ...], split: Split) -> tuple[int, ...]:
    """Without the echo at the end; empty if there is none."""
    words, parts = split(list(tokens))
    kept = guard.find_echo(words)
    return tuple(token for part in parts[:kept] for token in part) if kept else ()


def buckets(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that are worth decoding together: equally sampled, and none padded to much more than its own length."""
    buckets: list[list[Job]] = []
    for job in sorted(jobs, key=lambda job: (job.rung.temperature, job.rung.total_s)):
        first = buckets[-1][0].rung if buckets else None
        together = first and first.temperature == job.rung.temperature
        if first and together and job.rung.total_s <= BUCKET * first.total_s:
            buckets[-1].append(job)
        else:
            buckets.append([job])
    return buckets
