"""Audio of any rate becomes 16 kHz, piece by piece."""

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]

from izwi.audio import SAMPLE_RATE
from izwi.stages import Samples


class Resampler:
    """From ``rate`` Hz to 16 kHz; 16 kHz pass unchanged. Holds some milliseconds back until the end."""

    def __init__(self, rate: int) -> None:
        self._stream = (
            None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        )

    def push(self, samples: Samples, last: bool = False) -> Samples:
        """What the next samples give, in [-1, 1]; with ``last``, also what was held back."""
        if self._stream is None:
            return samples
        # A resampling filter overshoots at full-scale edges.
        return np.clip(self._stream.resample_chunk(samples, last=last), -1.0, 1.0).astype(np.float32, copy=False)
