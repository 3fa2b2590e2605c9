"""How much audio to gather before the detector is asked: little while somebody speaks, more in a quiet room. Pure.

A detector call costs far more on its way than in the model, so that ten calls a second on silence would be most of what
a silent stream costs. In a quiet room a second is gathered; sound above the room's noise ends that at once, so
speech waits no longer than before, and nothing is lost either way. Where a room is so still that speech no louder than
its noise could not be understood, the detector is asked about louder sound only.
"""

import math

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.segmenter import FRAME
from izwi.stage_settings import VadSettings
from izwi.stages import Samples

RISE = 1.8
"""Loudness over the room's noise that may be speech, as a factor of RMS: 5 dB, where noise itself varies by 1 or 2."""
SILENT_RMS = 2e-4
"""-74 dBFS: a muted line or the dither of a converter, below any microphone in a room."""
STILL_RMS = 10 ** (-50 / 20)
"""-50 dBFS: noise below it is a still room, or a headset."""
QUIET = 0.3
"""Speech probability below which a stretch counts as noise."""
FOLLOW = 0.3
"""Weight of the newest quiet stretch in the estimate of the room's noise."""


class Gate:
    """Chooses the hop of one stream, in samples, always whole detector frames."""

    def __init__(self, settings: VadSettings) -> None:
        self._hop = _whole(settings.hop_ms)
        self._idle_hop = max(self._hop, _whole(settings.idle_hop_ms))
        self._company_hop = max(self._hop, _whole(settings.idle_hop_ms // 2))
        self._noise = SILENT_RMS
        self._loud = False

    def heard(self, samples: Samples) -> None:
        """Audio has come in; it is held until `hop` samples are together."""
        self._loud = self._loud or _rms(samples) > RISE * self._noise

    @property
    def loud(self) -> bool:
        """Something held is above the room's noise."""
        return self._loud

    @property
    def still(self) -> bool:
        """What is held is the noise of a still room."""
        return not self._loud and self._noise < STILL_RMS

    def hop(self, speaking: bool, factor: int = 1, company: bool = False) -> int:
        """Samples to gather.

        Args:
            factor: under load so many times as much, because updates come more rarely anyway.
            company: a call is about to leave for others; a quiet room goes with it rather than soon after.
        """
        if speaking or self._loud:
            return factor * self._hop
        return self._company_hop if company else self._idle_hop

    def judged(self, samples: Samples, probabilities: tuple[float, ...]) -> None:
        """The detector's answer on what was held; ends the hold."""
        self._loud = False
        if max(probabilities) < QUIET:
            self._noise = max(SILENT_RMS, self._noise + FOLLOW * (_rms(samples) - self._noise))


def _whole(ms: int) -> int:
    return max(FRAME, ms * SAMPLE_RATE // 1000 // FRAME * FRAME)


def _rms(samples: Samples) -> float:
    return math.sqrt(float(np.dot(samples, samples)) / samples.size) if samples.size else 0.0
