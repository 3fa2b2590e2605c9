"""How many replicas a stage ought to have, from what has been measured. Pure values: no Serve and no clock.

A rule says what is wanted now. How long it must have been wanted before it happens is Serve's part: `upscale_delay_s`
and `downscale_delay_s` of the deployment (docs/scaling.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_GROWTH = 2.0
"""Times as many replicas as there are that lateness may ask for at once: it says that some are lacking, not how many.
Speakers are counted, and may ask for any number."""


@dataclass(frozen=True)
class CpuRule:
    """One replica more where those there are use much of the CPU they reserve, one fewer where they use little."""

    high: float = 0.7
    """Mean share above which one more is wanted."""
    low: float = 0.3
    """Mean share below which one fewer is; under half of ``high``, so that going from two replicas to one does not ask
    for the second again."""

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")

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


@dataclass(frozen=True)
class SpeechLoad:
    """What live speech asks of the recogniser, over all ingress replicas."""

    speakers: float
    """People who are speaking, not sockets that are open."""
    recognising: float
    """Calls for live speech under way, in the mean: workers that it keeps busy. Recordings, which wait for speakers,
    do not count."""
    workers: float
    """Workers that there are."""
    stretch: float = 1.0
    """Audio between two updates over what was asked for, in the mean over those who speak; 1 is in time."""


@dataclass(frozen=True)
class SpeechRule:
    """Enough recognisers for those who speak, by their number and by the headroom that is measured."""

    speakers_per_replica: float = 4.0
    """Speakers that one replica serves in time. Two CPU workers with Whisper base show words of four speakers 0.1 s
    later than those of one, and those of eight 0.5 s later (docs/benchmarks.md); measure other machines with
    `make bench`."""
    busy: float = 0.7
    """Share of the workers that live speech may keep busy; the rest is for those who all begin at once."""

    def __post_init__(self) -> None:
        if self.speakers_per_replica <= 0 or not 0 < self.busy <= 1:
            raise ValueError("speakers_per_replica must be above 0, and busy above 0 and at most 1")

    def wanted(self, running: int, load: SpeechLoad) -> int:
        """
        Args:
            running: replicas that there are; ``load.workers`` are theirs.
        """
        by_speakers = math.ceil(load.speakers / self.speakers_per_replica)
        # A worker is never busier than always; what is asked beyond that shows in how far apart updates are.
        asked = load.recognising / load.workers * max(load.stretch, 1.0)
        return max(by_speakers, math.ceil(running * min(asked / self.busy, MOST_GROWTH)))
