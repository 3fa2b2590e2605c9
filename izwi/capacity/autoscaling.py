"""When Ray Serve starts and stops replicas, after its default policy (``ray.serve.autoscaling_policy``, Ray 2.60).

The calls under way, averaged over a while, over what one replica should have at once: so many replicas are wanted. Only
a wish that lasts is followed; what is started takes its time until it is there.
"""

import math
from collections import deque
from dataclasses import dataclass

LOOK_BACK_S = 30.0
"""``look_back_period_s``: calls are averaged over this time."""


@dataclass(frozen=True)
class Scaling:
    """``autoscaling_config`` of a deployment; the delays that are not named there are Ray's defaults."""

    min_replicas: int = 1
    max_replicas: int = 10
    target_ongoing_requests: float = 2.0
    upscale_delay_s: float = 30.0
    downscale_delay_s: float = 600.0


PRODUCTION: dict[str, Scaling] = {
    "ingress": Scaling(target_ongoing_requests=100),
    "vad": Scaling(target_ongoing_requests=8),
    "asr": Scaling(target_ongoing_requests=2, upscale_delay_s=10),
    "mt": Scaling(target_ongoing_requests=4),
    "tts": Scaling(target_ongoing_requests=2),
}
"""Those of serve_config.yaml."""


class Autoscaler:
    """One deployment's replicas. Times are seconds on any one clock, in order.

    Args:
        start_s: from deciding on a replica until it takes calls.
    """

    def __init__(self, scaling: Scaling, start_s: float, replicas: int | None = None) -> None:
        self._scaling = scaling
        self._start_s = start_s
        self._ongoing: deque[tuple[float, float]] = deque()
        self.target = scaling.min_replicas if replicas is None else replicas
        """Replicas there are to be."""
        self.ready = self.target
        """Replicas that take calls."""
        self._coming: deque[tuple[float, int]] = deque()
        self._wish = 0
        self._since: float | None = None

    def step(self, now: float, ongoing: float) -> int:
        """Note the calls that are under way or wait for a replica; returns the replicas that take calls now."""
        while self._coming and self._coming[0][0] <= now:
            self.ready = min(self.target, self.ready + self._coming.popleft()[1])
        self._ongoing.append((now, ongoing))
        while self._ongoing[0][0] <= now - LOOK_BACK_S:
            self._ongoing.popleft()
        wanted = self._wanted()
        if wanted != self.target:
            self._follow(now, wanted)
        else:
            self._wish, self._since = 0, None
        return self.ready

    def _wanted(self) -> int:
        mean = sum(count for _, count in self._ongoing) / len(self._ongoing)
        # Where there are none, Ray starts the first one at once; a minimum above 0 keeps it from coming to that.
        wanted = math.ceil(mean / self._scaling.target_ongoing_requests - 1e-9)
        return min(self._scaling.max_replicas, max(self._scaling.min_replicas, wanted))

    def _follow(self, now: float, wanted: int) -> None:
        direction = 1 if wanted > self.target else -1
        if direction != self._wish or self._since is None:
            self._wish, self._since = direction, now
        delay_s = self._scaling.upscale_delay_s if direction > 0 else self._scaling.downscale_delay_s
        if self.target == 0 and direction > 0:
            delay_s = 0.0
        if now - self._since < delay_s:
            return
        if direction > 0:
            self._coming.append((now + self._start_s, wanted - self.target))
        else:
            self.ready = min(self.ready, wanted)
        self.target = wanted
        self._wish, self._since = 0, None
