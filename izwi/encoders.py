"""Speech becomes a file format, piece by piece: what has gone in comes out as soon as the format allows. Pure.

The output goes into a stream that cannot seek, so that no header tells a length: players take what comes.
"""
# pyright: reportUnknownMemberType=false
# PyAV's packets are generic, and its own signatures leave out of what.

import struct
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import av
import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
"""Mono, shape (n,)."""

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = get_args(Format)

_OPEN_END = 0xFFFFFFFF
"""A length that nobody knows yet, as FFmpeg writes and reads it."""


class Encoder(Protocol):
    """Not for two threads at once. Encoding takes CPU: call it off an event loop."""

    def push(self, pcm: Pcm) -> bytes:
        """Encode the next samples. The result may be empty: codecs hold up to a frame back."""
        ...

    def finish(self) -> bytes:
        """What was held back. Call once, at the end."""
        ...


@dataclass(frozen=True)
class _Recipe:
    """How FFmpeg makes a format."""

    container: str
    codec: Literal["libmp3lame", "libopus", "aac", "flac"]
    bit_rate: int | None = None
    """Transparent for one voice; None is lossless."""
    options: dict[str, str] = field(default_factory=dict[str, str])


_RECIPES: dict[Format, _Recipe] = {
    "mp3": _Recipe("mp3", "libmp3lame", 64_000, {"write_xing": "0", "id3v2_version": "0"}),  # no length in front
    "opus": _Recipe("ogg", "libopus", 32_000, {"page_duration": "100000"}),  # microseconds; a second by default
    "aac": _Recipe("adts", "aac", 64_000),
    "flac": _Recipe("flac", "flac"),
}

MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""For ``Content-Type``."""


def encoder(name: Format, rate: int) -> Encoder:
    """A new encoder of mono audio at ``rate`` Hz, of which 24 kHz is good for every format."""
    if name == "pcm":
        return _Raw(b"")
    if name == "wav":
        return _Raw(_wav_header(rate))
    return _FFmpeg(_RECIPES[name], rate)


class _Raw:
    """Little-endian 16-bit samples behind a header."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def push(self, pcm: Pcm) -> bytes:
        header, self._header = self._header, b""
        return header + pcm.astype("<i2").tobytes()

    def finish(self) -> bytes:
        return self.push(np.zeros(0, np.int16))


def _wav_header(rate: int) -> bytes:
    pcm, channels, sample_bytes = 1, 1, 2
    layout = struct.pack("<HHIIHH", pcm, channels, rate, sample_bytes * rate, sample_bytes, 8 * sample_bytes)
    fmt = struct.pack("<4sI", b"fmt ", len(layout)) + layout
    return struct.pack("<4sI4s", b"RIFF", _OPEN_END, b"WAVE") + fmt + struct.pack("<4sI", b"data", _OPEN_END)


class _Sink:
    """A file that can only be written to; without a `seek` FFmpeg does not try to."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


class _FFmpeg:
    def __init__(self, recipe: _Recipe, rate: int) -> None:
        self._sink = _Sink()
        self._rate = rate
        options = {"flush_packets": "1", **recipe.options}
        self._container = av.open(self._sink, "w", format=recipe.container, options=options)
        self._stream = self._container.add_stream(recipe.codec, rate=rate, layout="mono")
        if recipe.bit_rate is not None:
            self._stream.bit_rate = recipe.bit_rate

    def push(self, pcm: Pcm) -> bytes:
        if pcm.size:
            frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
            frame.sample_rate = self._rate
            self._container.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()
