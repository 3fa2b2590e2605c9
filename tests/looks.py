"""What looks at a server's event loop tell of what held it up; see `deployments.ingress.loop_lag`."""

from dataclasses import dataclass
from typing import Self

from tests.metrics import samples

LATE_S = 0.05
"""A look that comes later noticed something."""
LOST_S = 0.25
"""A bound of the histogram; one that comes later than this, speakers noticed, too."""


@dataclass(frozen=True)
class Looks:
    total: int
    late: int
    lost: int

    @classmethod
    def read(cls, scrape: str) -> Self:
        """All looks so far, of all replicas."""
        within: dict[float, int] = {}
        for sample in samples(scrape):
            if sample.name == "izwi_event_loop_lag_seconds_bucket":
                bound = float(sample.labels["le"])
                within[bound] = within.get(bound, 0) + int(sample.value)
        total = within[float("inf")]
        return cls(total, total - within[LATE_S], total - within[LOST_S])

    def since(self, before: "Looks") -> "Looks":
        return Looks(self.total - before.total, self.late - before.late, self.lost - before.lost)

    def held_up(self, requests: int) -> bool:
        """Whether each of so many requests may have held up the loop.

        A request that blocks for 100 ms is seen wherever that falls between two looks, which are 50 ms apart; where one
        look sees several it is a lost one. On two busy cores a process waits for its turn: 20 uploads had 14 to 18 late
        looks and none lost, and 18 to 22 with 1 to 3 lost where each blocked for 120 ms.
        """
        return self.lost > 0 or self.late >= requests
