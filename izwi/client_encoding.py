"""What a client makes of its audio before it is sent: PCM, or Opus where the network is slow."""

from typing import Protocol

import numpy as np

from izwi.audio import SAMPLE_RATE, to_pcm16
from izwi.messages import AudioFormat
from izwi.opus import OpusEncoder
from izwi.stages import Samples


class Encoder(Protocol):
    """Of one connection."""

    def push(self, samples: Samples) -> list[bytes]:
        """The frames that are to be sent now."""
        ...

    def finish(self) -> list[bytes]:
        """Those that hold what was kept back."""
        ...


class PcmEncoding:
    """One frame of 16-bit PCM at 16 kHz for each piece."""

    def push(self, samples: Samples) -> list[bytes]:
        return [to_pcm16(samples)]

    def finish(self) -> list[bytes]:
        return []


class OpusEncoding:
    """Packets of 20 ms; the last one is filled up with silence."""

    def __init__(self) -> None:
        self._encoder = OpusEncoder(SAMPLE_RATE)

    def push(self, samples: Samples) -> list[bytes]:
        return self._encoder.push(np.frombuffer(to_pcm16(samples), "<i2").astype(np.int16, copy=False))

    def finish(self) -> list[bytes]:
        return self._encoder.finish()


def encoding(audio: AudioFormat) -> type[PcmEncoding] | type[OpusEncoding]:
    """How to send 16 kHz mono as ``audio``.

    Raises:
        ValueError: neither 16-bit PCM at 16 kHz nor Opus; the client does not convert.
    """
    if audio.channels == 1 and audio.encoding == "opus":
        return OpusEncoding
    if audio == AudioFormat():
        return PcmEncoding
    raise ValueError(f"the client sends mono, pcm_s16le at 16 kHz or opus, not {audio}")
