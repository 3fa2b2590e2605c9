"""Audio that says where it is from."""

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.segmenter import FRAME
from izwi.stages import Samples


def recording(*spans: tuple[float, float], seconds: float) -> Samples:
    """Silence with speech in it. Each sample holds its own time, so that a window says where it is from."""
    times = np.arange(round(seconds * SAMPLE_RATE), dtype=np.float64) / SAMPLE_RATE
    speech = np.zeros(len(times), bool)
    for start, end in spans:
        speech |= (times >= start) & (times < end)
    return np.where(speech, times + 1, -times - 1).astype(np.float32)


def speech(samples: Samples) -> tuple[float, ...]:
    """What a detector says of each frame."""
    return tuple(float((frame > 0).mean()) for frame in samples.reshape(-1, FRAME))
