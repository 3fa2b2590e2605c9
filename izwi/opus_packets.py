"""Opus packets as they travel: how long one is, several in one frame, and where a stream can be taken up again. Pure.

RFC 6716, section 3, has the header of a packet; RFC 7845, section 4.2 and 4.6, what a decoder needs before it is right.
"""

import struct
from collections.abc import Iterable

from izwi.audio import SAMPLE_RATE
from izwi.errors import DamagedAudio
from izwi.messages import OPUS_RATE

MAX_BYTES = 8_000
"""Longest packet taken: 120 ms at 510 kbit/s, the most libopus makes, with its headers."""
MAX_SAMPLES = OPUS_RATE * 120 // 1000
"""At 48 kHz: no packet may last longer."""
PRE_SKIP = 312
"""Samples at 48 kHz by which libopus delays what it encodes: the first ones of a decoder are to be dropped."""
WARM_UP = SAMPLE_RATE * 80 // 1000
"""Samples at 16 kHz that a decoder which begins in mid-stream needs before its output is right."""
GRID = SAMPLE_RATE * 120 // 1000
"""Samples at 16 kHz: packets of 2.5, 5, 10, 20, 40, 60 and 120 ms all have a boundary at its multiples."""

_SILK_MS = (10.0, 20.0, 40.0, 60.0)
_HYBRID_MS = (10.0, 20.0)
_CELT_MS = (2.5, 5.0, 10.0, 20.0)


def duration(packet: bytes) -> int:
    """Samples at 48 kHz that a packet's header announces.

    Raises:
        DamagedAudio: there is no header, or it announces nothing or more than 120 ms.
    """
    if not packet:
        raise DamagedAudio("an empty Opus packet")
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame_ms = _SILK_MS[config % 4]
    elif config < 16:
        frame_ms = _HYBRID_MS[config % 2]
    else:
        frame_ms = _CELT_MS[config % 4]
    if code == 3 and len(packet) < 2:
        raise DamagedAudio("an Opus packet that ends within its header")
    frames = (1, 2, 2)[code] if code < 3 else packet[1] & 63
    samples = round(frames * frame_ms * OPUS_RATE / 1000)
    if not 0 < samples <= MAX_SAMPLES:
        raise DamagedAudio(f"an Opus packet of {samples * 1000 / OPUS_RATE:g} ms")
    return samples


def join(packets: Iterable[bytes]) -> bytes:
    """Packets in one frame, every one after its length in two bytes, big-endian."""
    return b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)


def split(frame: bytes) -> list[bytes]:
    """The packets that `join` put together.

    Raises:
        DamagedAudio: the frame ends within a packet.
    """
    packets: list[bytes] = []
    at = 0
    while at < len(frame):
        begin = at + 2
        at = begin + int.from_bytes(frame[at:begin], "big")
        if at > len(frame) or begin > len(frame):
            raise DamagedAudio("a frame that ends within an Opus packet")
        packets.append(frame[begin:at])
    return packets


def resend_from(position: int) -> int:
    """Where a stream is to be sent from again if the sample at ``position`` is the first one needed, both at 16 kHz: at
    a packet's beginning, and so much earlier that a fresh decoder is right by then."""
    return max(0, position - WARM_UP) // GRID * GRID
