"""Opus packets become mono float32 at 16 kHz, one by one, and time goes on where one is damaged."""

import numpy as np

from izwi.audio import from_pcm16
from izwi.errors import DamagedAudio
from izwi.messages import OPUS_RATE
from izwi.opus import OpusDecoder, Pcm
from izwi.opus_packets import duration
from izwi.resampling import Resampler
from izwi.stages import Samples


class OpusConverter:
    """Turns packets of one stream into `Samples`.

    Silence stands for a packet that cannot be decoded, of the length its header tells, or of the packet before:
    offsets in the stream stay what the client takes them for.
    """

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._resampler = Resampler(OPUS_RATE)
        self._length = OPUS_RATE // 50
        """Samples of the last packet, 20 ms before there was one."""
        self._silence = np.zeros(0, np.float32)

    def push(self, data: bytes) -> Samples:
        """Convert the next packet.

        Raises:
            DamagedAudio: it is none; `silence` is what stands for it.
        """
        try:
            pcm = self._decoder.decode(data)
        except DamagedAudio:
            self._silence = self._resample(np.zeros(self._announced(data), np.int16))
            raise
        self._length = len(pcm)
        return self._resample(pcm)

    def silence(self) -> Samples:
        """What stands for the packet that `push` has just refused."""
        return self._silence

    def flush(self) -> Samples:
        """What the resampler still held. Call once, at the end."""
        return self._resampler.push(np.zeros(0, np.float32), last=True)

    def _resample(self, pcm: Pcm) -> Samples:
        return self._resampler.push(from_pcm16(pcm.tobytes()))

    def _announced(self, packet: bytes) -> int:
        try:
            return duration(packet)
        except DamagedAudio:
            return self._length
