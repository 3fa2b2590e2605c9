"""What a client sends becomes mono float32 at 16 kHz, piece by piece: memory does not grow with its length."""

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]

from izwi.audio import SAMPLE_RATE
from izwi.messages import AudioFormat
from izwi.stages import Samples

_DTYPES = {"pcm_s16le": np.dtype("<i2"), "pcm_f32le": np.dtype("<f4")}


class PcmConverter:
    """Turns a client's bytes into `Samples`, piece by piece.

    Pieces may be cut anywhere, even inside a sample: the rest waits for the next `push`. Channels are averaged.
    NaN and infinity become silence and floats are clipped to [-1, 1], so no input can poison a model.
    """

    def __init__(self, audio: AudioFormat) -> None:
        self._dtype = _DTYPES[audio.encoding]
        self._channels = audio.channels
        self._rest = b""
        self._resampler = (
            None
            if audio.sample_rate == SAMPLE_RATE
            else soxr.ResampleStream(audio.sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        )

    def push(self, data: bytes) -> Samples:
        """Convert the next bytes. The result may be empty: the resampler holds some milliseconds back."""
        data = self._rest + data
        whole = len(data) - len(data) % (self._dtype.itemsize * self._channels)
        self._rest = data[whole:]
        return self._resample(self._mono(data[:whole]), last=False)

    def flush(self) -> Samples:
        """What the resampler still held. An incomplete sample at the end is dropped. Call once, at the end."""
        self._rest = b""
        return self._resample(np.zeros(0, np.float32), last=True)

    def _mono(self, data: bytes) -> Samples:
        raw = np.frombuffer(data, self._dtype)
        if self._dtype.kind == "i":
            samples = np.multiply(raw, np.float32(1 / 32768), dtype=np.float32)
        else:
            finite = np.nan_to_num(raw.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
            samples = np.clip(finite, -1.0, 1.0)
        if self._channels == 1:
            return samples
        return samples.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)

    def _resample(self, samples: Samples, last: bool) -> Samples:
        if self._resampler is None:
            return samples
        # A resampling filter overshoots at full-scale edges.
        return np.clip(self._resampler.resample_chunk(samples, last=last), -1.0, 1.0).astype(np.float32, copy=False)
