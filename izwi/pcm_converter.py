"""What a client sends becomes mono float32 at 16 kHz, piece by piece: memory does not grow with its length."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from izwi.audio import from_pcm16
from izwi.g711 import decode_alaw, decode_mulaw
from izwi.messages import AudioFormat
from izwi.resampling import Resampler
from izwi.stages import Samples


def _from_pcm32f(data: bytes) -> Samples:
    finite = np.nan_to_num(np.frombuffer(data, "<f4"), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(finite, -1.0, 1.0).astype(np.float32, copy=False)


def _linear(decode: Callable[[bytes], npt.NDArray[np.int16]]) -> Callable[[bytes], Samples]:
    return lambda data: np.multiply(decode(data), np.float32(1 / 32768), dtype=np.float32)


class _Encoding(NamedTuple):
    width: int
    """Bytes a sample."""
    decode: Callable[[bytes], Samples]


_ENCODINGS = {
    "pcm_s16le": _Encoding(2, from_pcm16),
    "pcm_f32le": _Encoding(4, _from_pcm32f),
    "mulaw": _Encoding(1, _linear(decode_mulaw)),
    "alaw": _Encoding(1, _linear(decode_alaw)),
}


class PcmConverter:
    """Turns a client's bytes, PCM or G.711, into `Samples`, piece by piece.

    Pieces may be cut anywhere, even inside a sample: the rest waits for the next `push`. Channels are averaged.
    NaN and infinity become silence and floats are clipped to [-1, 1], so no input can poison a model.
    """

    def __init__(self, audio: AudioFormat) -> None:
        self._encoding = _ENCODINGS[audio.encoding]
        self._channels = audio.channels
        self._rest = b""
        self._resampler = Resampler(audio.sample_rate)

    def push(self, data: bytes) -> Samples:
        """Convert the next bytes. The result may be empty: the resampler holds some milliseconds back."""
        data = self._rest + data
        whole = len(data) - len(data) % (self._encoding.width * self._channels)
        self._rest = data[whole:]
        return self._resampler.push(self._mono(data[:whole]))

    def silence(self) -> Samples:
        """Nothing: any bytes are audio."""
        return np.zeros(0, np.float32)

    def flush(self) -> Samples:
        """What the resampler still held. An incomplete sample at the end is dropped. Call once, at the end."""
        self._rest = b""
        return self._resampler.push(np.zeros(0, np.float32), last=True)

    def _mono(self, data: bytes) -> Samples:
        samples = self._encoding.decode(data)
        if self._channels == 1:
            return samples
        return samples.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
