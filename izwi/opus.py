"""Opus by libopus, through PyAV: a decoder and an encoder of packets without a container.

Both keep the state of one stream. Packets go straight to libopus, never through a demuxer of FFmpeg, and their length
and duration are checked before: what a hostile one can cost is 120 ms of decoding.
"""

import av
import av.error
import numpy as np
import numpy.typing as npt

from izwi import opus_packets
from izwi.errors import DamagedAudio
from izwi.messages import OPUS_RATE
from izwi.opus_packets import PRE_SKIP

Pcm = npt.NDArray[np.int16]
"""Mono, shape (n,)."""

PACKETS_A_SECOND = 50
BITRATE = 32_000
"""Bits a second: what RFC 6716, section 2.1.1, gives for speech of the full band is 28 to 40 kbit/s."""
EFFORT = 5
"""libopus's complexity, 0 to 10: 4 ms of a core for a second of speech, where 10 takes 15."""


class OpusDecoder:
    """Packets to mono PCM at 48 kHz; libopus mixes the channels of a stereo packet."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.sample_rate = OPUS_RATE
        self._codec.layout = "mono"

    def decode(self, packet: bytes) -> Pcm:
        """The packet's samples, `opus_packets.duration` of them.

        Raises:
            DamagedAudio: it is none; the stream goes on with the next one.
        """
        if len(packet) > opus_packets.MAX_BYTES:
            raise DamagedAudio(f"an Opus packet of {len(packet)} bytes; the limit is {opus_packets.MAX_BYTES}")
        samples = opus_packets.duration(packet)
        try:
            frames = self._codec.decode(av.Packet(packet))  # pyright: ignore[reportUnknownMemberType] - in PyAV's stubs
        except av.error.FFmpegError as error:
            raise DamagedAudio(f"an Opus packet that cannot be decoded: {error.strerror}") from None
        parts = [frame.to_ndarray().reshape(-1) for frame in frames]
        pcm = np.concatenate([np.zeros(0, np.int16), *parts]).astype(np.int16, copy=False)
        if len(pcm) != samples:
            raise DamagedAudio("an Opus packet that is not as long as its header says")
        return pcm


class OpusEncoder:
    """Mono PCM to packets of 20 ms.

    Args:
        rate: Hz of the PCM: 8, 12, 16, 24 or 48 kHz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._size = rate // PACKETS_A_SECOND
        self._delay = rate * PRE_SKIP // OPUS_RATE
        self._rest: Pcm = np.zeros(0, np.int16)
        self._pushed = self._packed = 0
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.sample_rate = rate
        self._codec.layout = "mono"
        self._codec.format = "s16"
        self._codec.bit_rate = BITRATE
        # "voip" would move the phases of low voices: the waveform matters to recognisers.
        self._codec.options = {"application": "audio", "frame_duration": "20", "compression_level": str(EFFORT)}

    @property
    def complete(self) -> int:
        """Samples that the packets so far hold in full: a decoder that drops `PRE_SKIP` gives so many, and may give
        some more of the silence after the end."""
        return max(0, min(self._pushed, self._packed - self._delay))

    def push(self, pcm: Pcm) -> list[bytes]:
        """The packets that are full now."""
        self._pushed += len(pcm)
        return self._encode(pcm)

    def finish(self) -> list[bytes]:
        """The packets that hold the rest, with silence after it. Call once, at the end."""
        if not self._pushed:
            return []
        padding = self._delay + -(len(self._rest) + self._delay) % self._size
        return self._encode(np.zeros(padding, np.int16))

    def _encode(self, pcm: Pcm) -> list[bytes]:
        pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) - len(pcm) % self._size
        self._rest = pcm[whole:]
        packets: list[bytes] = []
        for begin in range(0, whole, self._size):
            frame = av.AudioFrame.from_ndarray(pcm[None, begin : begin + self._size], format="s16", layout="mono")
            frame.sample_rate = self._rate
            made = self._codec.encode(frame)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            packets += [bytes(packet) for packet in made]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        self._packed += whole
        return packets
