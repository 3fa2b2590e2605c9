"""What is simulated: who comes when, what serves them, and what is seen of it."""

from dataclasses import dataclass, field

from izwi.capacity.autoscaling import Scaling

STAGGER_S = 2.0
"""Speakers of a bench begin within this time (`loadtests.ramp`)."""


@dataclass(frozen=True)
class Scenario:
    """Speakers come one after the other, each stays as long as every other one."""

    speakers: int
    seconds: float
    """That each of them stays."""
    ramp_s: float = STAGGER_S
    """Within which all of them come, evenly at random."""
    duty: float = 1.0
    """Share of the time in which a speaker speaks; 1 with breaths only."""
    seed: int = 1
    """Who comes when and says what: with that of a bench, what was said there."""
    luck: int = 0
    """Another seed: what the recogniser finds hard."""

    @property
    def length_s(self) -> float:
        """Until the last one has left."""
        return self.ramp_s + self.seconds


@dataclass(frozen=True)
class Servers:
    """What serves the speakers."""

    cores: float | None = None
    """That all work shares; None for as many as there are workers, and more for the rest."""
    replicas: dict[str, int] = field(default_factory=dict[str, int])
    """That run from the beginning: one of each deployment that is not named."""
    scaling: dict[str, Scaling] = field(default_factory=dict[str, Scaling])
    """Deployments whose number changes; that of all others stays."""
    node_start_s: float = 0.0
    """Until a node is there for a new replica, besides the replica's own start."""

    def begin(self, deployment: str) -> int:
        """Replicas at the beginning."""
        scaling = self.scaling.get(deployment)
        return max(self.replicas.get(deployment, 1), scaling.min_replicas if scaling else 0)

    def most(self, deployment: str) -> int:
        """Replicas there may be: the ingress counts on them."""
        scaling = self.scaling.get(deployment)
        return scaling.max_replicas if scaling else self.begin(deployment)


@dataclass(frozen=True)
class Moment:
    """A stretch of simulated time."""

    at_s: float
    """Its end."""
    sessions: int
    refused: int
    """Who wanted to begin meanwhile and were told to come back."""
    replicas: dict[str, int]
    """That take calls."""
    shown_p50_s: float | None
    """Delays of the words that were shown meanwhile, after their end."""
    shown_p95_s: float | None
