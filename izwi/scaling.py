"""How many replicas a stage ought to have, from what has been measured. Pure values: no Serve and no clock.

A rule says what is wanted now. How long it must have been wanted before it happens is Serve's part: `upscale_delay_s`
and `downscale_delay_s` of the deployment (docs/scaling.md). The CPU rule may wait by itself instead, where a deployment
follows speakers as well, which cannot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from izwi.load import STRETCHED

MOST_GROWTH = 2.0
"""Times as many replicas as there are that lateness may ask for at once: it says that some are lacking, not how many.
Speakers are counted, and may ask for any number."""

CLOCK_S = 1e-6
"""Differences of clocks are exact to this."""


@dataclass(frozen=True)
class Busy:
    """More replicas have been wanted without a break."""

    target: int
    """While so many had been asked for."""
    since_s: float
    """On the clock of who asks."""


class CpuRule(BaseModel):
    """One replica more where those there are use much of the CPU they reserve, one fewer where they use little."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid", frozen=True)
    high: float = Field(default=0.7, gt=0)
    """Mean share above which one more is wanted ..."""
    high_s: float = Field(default=0, ge=0)
    """... once it has been above for so many seconds. Serve's ``upscale_delay_s`` comes on top."""
    low: float = Field(default=0.3, ge=0)
    """Mean share below which one fewer is; under half of ``high``, so that going from two replicas to one does not ask
    for the second again."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self

    def wanted(self, target: int, shares: Sequence[float]) -> int:
        """
        Args:
            target: replicas that have been asked for.
            shares: CPU used over CPU reserved, of each replica that has been measured.
        """
        if not shares or len(shares) < target:  # the last one asked for has yet to take its part
            return target
        mean = sum(shares) / len(shares)
        return target + (mean > self.high) - (mean < self.low)

    def lasting(
        self, target: int, shares: Sequence[float], now_s: float, before: Busy | None
    ) -> tuple[int, Busy | None]:
        """As `wanted`, one more only after `high_s`; with it what to bring along as ``before`` the next time.

        Args:
            now_s: seconds on any one clock.
        """
        wanted = self.wanted(target, shares)
        if wanted <= target:
            return wanted, None
        busy = before if before is not None and before.target == target else Busy(target, now_s)
        return (wanted if now_s - busy.since_s >= self.high_s - CLOCK_S else target), busy


@dataclass(frozen=True)
class SpeechLoad:
    """What live speech asks of the recogniser, over all ingress replicas."""

    speakers: float
    """People who are speaking, not sockets that are open."""
    recognising: float
    """Calls for live speech under way, in the mean: workers that it keeps busy. Recordings, which wait for speakers,
    do not count."""
    workers: float
    """Workers that there are ..."""
    replicas: int
    """... in so many replicas, at least one."""
    stretch: float = 1.0
    """Audio between two updates over what was asked for, in the mean over those who speak."""


class SpeechRule(BaseModel):
    """Enough recognisers for those who speak, by their number and by the headroom that is measured."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid", frozen=True)
    speakers_per_replica: float = Field(default=4.0, gt=0)
    """Speakers that one replica serves in time: with as many, two CPU workers with Whisper base reach what ``busy``
    allows. Measure other machines with `make bench`."""
    busy: float = Field(default=0.7, gt=0, le=1)
    """Share of the workers that live speech may keep busy; the rest is for those who all begin at once."""

    def wanted(self, load: SpeechLoad) -> int:
        """Replicas of the recogniser."""
        by_speakers = math.ceil(load.speakers / self.speakers_per_replica)
        # A worker is never busier than always; what is asked beyond that shows in how far apart updates are. The
        # ingress itself spaces them to spare the workers (izwi/spacing.py): up to twice as far is in time.
        asked = load.recognising / load.workers * max(load.stretch / STRETCHED, 1.0)
        return max(by_speakers, math.ceil(load.replicas * min(asked / self.busy, MOST_GROWTH)))


class Rules(BaseModel):
    """Which rule scales which deployment: ``policy_kwargs`` of an application in a Serve config."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid", frozen=True)
    rules: dict[str, Literal["cpu", "speech"]] = {}
    """By deployment; of those not named, the number of ongoing requests decides."""
    speakers_per_replica: dict[str, Annotated[float, Field(gt=0)]] = {}
    """By deployment: one replica at least for so many who speak, whatever its rule says."""
    cpu: CpuRule = CpuRule()
    speech: SpeechRule = SpeechRule()
    ingress: str = "ingress"
    """The deployment whose replicas count speakers."""

    def least(self, deployment: str, speakers: float) -> int:
        """Replicas for those who speak."""
        per_replica = self.speakers_per_replica.get(deployment)
        return 0 if per_replica is None else math.ceil(speakers / per_replica)
