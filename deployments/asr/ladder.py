"""The tries a window gets until the guard believes it, and which windows are tried together."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.asr import guard
from deployments.asr.engine import Transcript
from deployments.asr.guard import Verdict
from izwi.audio import SAMPLE_RATE
from izwi.stages import AsrRequest

FULL_S = 30.0
"""Whisper's own window."""
BUCKET = 2.0
"""A window may be padded to this many times its length for company: encoding more silence costs less than decoding
alone, which takes two thirds of a pass."""


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
    def token_limit(self) -> int:
        return guard.MAX_TOKENS if self.padded else guard.token_limit(self.seconds)

    def settles(self, verdict: Verdict) -> bool:
        """Nothing better is to be expected of another try."""
        unsure_partial = verdict is Verdict.UNSURE and not self.request.final
        return verdict in (Verdict.GOOD, Verdict.SILENCE) or unsure_partial or self.tries == len(self.rungs) - 1


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
