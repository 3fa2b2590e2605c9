"""What looks at a server's event loop tell of what held it up; see `deployments.ingress.loop_lag`."""

from dataclasses import dataclass
from typing import Self

from tests.metrics import samples

HELD_S = 0.05
"""A bound of the histogram: no handler may hold up the loop for longer."""


@dataclass(frozen=True)
class Looks:
    total: int
    held: int

    @classmethod
    def read(cls, scrape: str) -> Self:
        """All looks so far, of all replicas."""
        within: dict[float, int] = {}
        for sample in samples(scrape):
            if sample.name == "izwi_event_loop_held_seconds_bucket":
                bound = float(sample.labels["le"])
                within[bound] = within.get(bound, 0) + int(sample.value)
        total = within[float("inf")]
        return cls(total, total - within[HELD_S])

    def since(self, before: "Looks") -> "Looks":
        return Looks(self.total - before.total, self.held - before.held)
