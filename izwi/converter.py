"""The audio of a client's frames, whatever their encoding, as mono float32 at 16 kHz."""

from typing import Protocol

from izwi import opus_packets
from izwi.messages import AudioFormat
from izwi.opus_converter import OpusConverter
from izwi.pcm_converter import PcmConverter
from izwi.stages import Samples


class Converter(Protocol):
    """Of one connection: it remembers where in the stream it is."""

    def push(self, data: bytes) -> Samples:
        """What the next frame gives; it may be nothing yet.

        Raises:
            DamagedAudio: the frame cannot be decoded; the stream goes on with `silence` in its place.
        """
        ...

    def silence(self) -> Samples:
        """What stands for the frame that `push` has just refused."""
        ...

    def flush(self) -> Samples:
        """What was held back. Call once, at the end."""
        ...


def converter(audio: AudioFormat) -> Converter:
    return OpusConverter() if audio.encoding == "opus" else PcmConverter(audio)


def resend_from(audio: AudioFormat, position: int) -> int:
    """Where the client is to send its stream from again, if the sample at ``position`` is the first one needed."""
    return opus_packets.resend_from(position) if audio.encoding == "opus" else position
