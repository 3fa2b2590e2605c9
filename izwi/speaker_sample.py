"""What an utterance's speaker is known by: its first speech, without the pauses. Pure."""

from itertools import chain

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.diarization import MIN_WINDOW_S, WINDOW_S
from izwi.stages import Samples

MOST = 12 * SAMPLE_RATE
"""Samples kept: eight windows tell a voice well, and waiting for the end of a long utterance costs no more memory."""
WINDOW = round(WINDOW_S * SAMPLE_RATE)


class SpeakerSample:
    """
    Args:
        skip: samples before the first speech.
    """

    def __init__(self, skip: int) -> None:
        self._skip = skip
        self._parts: list[Samples] = []
        self._count = 0

    def add(self, samples: Samples) -> None:
        """The next speech."""
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        if fresh := min(len(samples) - skipped, MOST - self._count):
            self._parts.append(samples[skipped : skipped + fresh])
            self._count += fresh

    @property
    def seconds(self) -> float:
        return self._count / SAMPLE_RATE

    def windows(self) -> tuple[Samples, ...]:
        """Windows side by side, the last one flush with the end; shorter speech is one, and less than `MIN_WINDOW_S`
        none."""
        least = round(MIN_WINDOW_S * SAMPLE_RATE)
        if self._count < least:
            return ()
        whole = np.concatenate(self._parts)
        starts = range(0, max(1, len(whole) - WINDOW + 1), WINDOW)
        rest = len(whole) - (starts[-1] + WINDOW)
        return tuple(whole[s : s + WINDOW] for s in chain(starts, [len(whole) - WINDOW] if rest >= least else []))
