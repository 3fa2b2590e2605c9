"""Synthesised speech at the one rate that OpenAI's clients expect."""

import base64

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]

RATE = 24_000


class SpeechResampler:
    """Turns one clause after the other, piece by piece, into base64 PCM16 at `RATE`."""

    def __init__(self) -> None:
        self._rate = RATE
        self._resampler: soxr.ResampleStream | None = None

    def push(self, pcm: bytes, rate: int, last: bool) -> str:
        """The next bytes of PCM16 at ``rate`` Hz; may be empty, because the resampler holds some milliseconds back.

        Args:
            last: the clause ends here, and what was held back is wanted.
        """
        samples = np.frombuffer(pcm, "<i2")
        if rate and rate != self._rate:  # another engine speaks; a clause that failed at once has no rate
            self._rate, self._resampler = rate, None
        if self._rate != RATE:
            if self._resampler is None:
                self._resampler = soxr.ResampleStream(self._rate, RATE, 1, dtype="int16", quality="HQ")
            samples = self._resampler.resample_chunk(samples, last=last)
        if last:
            self._resampler = None
        return base64.b64encode(samples.astype("<i2").tobytes()).decode()
