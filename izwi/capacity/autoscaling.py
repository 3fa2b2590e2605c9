"""When Ray Serve starts and stops replicas: by the rules of `izwi.scaling`, and by its own where there is none
(``ray.serve.autoscaling_policy``, Ray 2.60).

What is measured is averaged over a while and says how many replicas are wanted. Only a wish that lasts is followed;
what is started takes its time until it is there.
"""

import math
from collections import deque
from dataclasses import astuple, dataclass

from izwi.scaling import Busy, CpuRule, SpeechLoad, SpeechRule


@dataclass(frozen=True)
class Scaling:
    """``autoscaling_config`` of a deployment; what is not named there are Ray's defaults."""

    min_replicas: int = 1
    max_replicas: int = 10
    target_ongoing_requests: float = 2.0
    upscale_delay_s: float = 30.0
    downscale_delay_s: float = 600.0
    look_back_period_s: float = 30.0
    rule: CpuRule | SpeechRule | None = None
    """None goes by ongoing requests."""
    speakers_per_replica: float | None = None
    """One replica at least for so many who speak, whatever the rule says."""


PRODUCTION: dict[str, Scaling] = {
    "ingress": Scaling(target_ongoing_requests=60, upscale_delay_s=10, look_back_period_s=15),
    "vad": Scaling(upscale_delay_s=0, rule=CpuRule(high_s=300), speakers_per_replica=30),
    "asr": Scaling(upscale_delay_s=10, downscale_delay_s=300, look_back_period_s=15, rule=SpeechRule()),
    "mt": Scaling(target_ongoing_requests=1.4, downscale_delay_s=300),
    "tts": Scaling(target_ongoing_requests=1.4, upscale_delay_s=15, downscale_delay_s=300),
}
"""Those of serve_config.yaml."""


@dataclass(frozen=True)
class Load:
    """What rules go by, of one deployment at one moment."""

    ongoing: float = 0.0
    """Calls that are under way or wait for a replica."""
    cpu: float = 0.0
    """Share of the cores that its replicas reserve."""
    speakers: float = 0.0
    """Who speaks."""
    busy: float = 0.0
    """Share of its workers that have a call."""
    stretch: float = 1.0
    """Audio between two updates over what was asked for."""


class Autoscaler:
    """One deployment's replicas. Times are seconds on any one clock, in order.

    Args:
        start_s: from deciding on a replica until it takes calls.
    """

    def __init__(self, scaling: Scaling, start_s: float, replicas: int | None = None) -> None:
        self._scaling = scaling
        self._start_s = start_s
        self._loads: deque[tuple[float, Load]] = deque()
        self.target = scaling.min_replicas if replicas is None else replicas
        """Replicas there are to be."""
        self.ready = self.target
        """Replicas that take calls."""
        self._coming: deque[tuple[float, int]] = deque()
        self._wish = 0
        self._since: float | None = None
        self._busy: Busy | None = None

    def step(self, now: float, load: Load) -> int:
        """Note what is measured; returns the replicas that take calls now."""
        while self._coming and self._coming[0][0] <= now:
            self.ready = min(self.target, self.ready + self._coming.popleft()[1])
        self._loads.append((now, load))
        while self._loads[0][0] <= now - self._scaling.look_back_period_s:
            self._loads.popleft()
        wanted = self._wanted(now)
        if wanted != self.target:
            self._follow(now, wanted)
        else:
            self._wish, self._since = 0, None
        return self.ready

    def _wanted(self, now: float) -> int:
        mean = Load(*(sum(of) / len(of) for of in zip(*(astuple(load) for _, load in self._loads), strict=True)))
        match self._scaling.rule:
            case CpuRule() as rule:
                wanted, self._busy = rule.lasting(self.target, [mean.cpu] * self.ready, now, self._busy)
            case SpeechRule() as rule:
                wanted = rule.wanted(SpeechLoad(mean.speakers, mean.busy, 1.0, max(1, self.ready), mean.stretch))
            case None:
                # Where there are none, Ray starts the first one at once; a minimum above 0 prevents that.
                wanted = math.ceil(mean.ongoing / self._scaling.target_ongoing_requests - 1e-9)
        if self._scaling.speakers_per_replica is not None:
            wanted = max(wanted, math.ceil(mean.speakers / self._scaling.speakers_per_replica))
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
