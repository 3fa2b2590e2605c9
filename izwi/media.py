"""Media files become mono float32 at 16 kHz, piece by piece: memory does not grow with their length."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
import av.error
import numpy as np
from av.container import InputContainer

from izwi.audio import SAMPLE_RATE, Samples
from izwi.errors import AudioTooLong, DamagedAudio, UnsupportedAudio

_CONTAINERS = "wav,w64,aiff,au,caf,flac,mp3,aac,ogg,mov,mp4,m4a,matroska,webm,amr,asf,avi,mpegts"
"""Formats that hold their audio themselves: a playlist could make FFmpeg open other files and addresses."""

_GUESSED = ("mp3", "aac", "amr", "mpegts")
TOLERANCE_S = 0.5
"""What a stream may be shorter than its header says: encoders count their delay and padding differently."""
_UNTOLD = 0x7FFF_0000
"""Sizes in a wav header from here on stand for a stream whose length was not known: 0xFFFFFFFF, 0x7FFFFFFF and others
somewhat below, by what each program takes a header to be long."""
_MOST_CHUNKS = 64
"""Looked at in a wav file before its audio; there are two or three."""


def decode_file(source: Path | BinaryIO, max_seconds: float) -> Iterator[Samples]:
    """Decode the first audio stream of a media file (wav, flac, mp3, ogg, opus, m4a, mp4, webm and others).

    A truncated or damaged file gives what can be decoded of it, and then raises. Not every format shows that its end is
    missing: ogg, mp3, webm and mkv files are as long as what is there, and so are wav files whose header tells no
    length.

    Args:
        source: a path, or an open binary file that can seek.
        max_seconds: longest audio accepted.

    Yields:
        Pieces of some ten milliseconds, never empty.

    Raises:
        UnsupportedAudio: no such file, not audio, no audio stream, or nothing in it could be decoded.
        DamagedAudio: after all that could be decoded of a damaged file.
        AudioTooLong: after ``max_seconds`` have been yielded.
        MemoryError: no memory for the decoder, which is not the file's fault.
    """
    name = source.name if isinstance(source, Path) else "the file"
    samples = 0
    for piece in _decode(source, name):
        samples += len(piece)
        if samples > max_seconds * SAMPLE_RATE:
            raise AudioTooLong(f"{name} is longer than the {max_seconds:g} s that are accepted")
        yield np.clip(np.nan_to_num(piece, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
    if not samples:
        raise UnsupportedAudio(f"{name} holds no audio that can be decoded")


def duration(source: Path | BinaryIO) -> float | None:
    """Seconds of a media file as its header tells them, None where it does not; raises as `decode_file` does."""
    name = source.name if isinstance(source, Path) else "the file"
    with _open(source, name) as (container, _):
        return container.duration / av.time_base if container.duration else None


@contextmanager
def _open(source: Path | BinaryIO, name: str) -> Generator[tuple[InputContainer, BinaryIO]]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
            options = {"format_whitelist": _CONTAINERS}
            opened = av.open(file, "r", options=options, metadata_errors="replace")  # tags may be in any encoding
            container = stack.enter_context(opened)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            raise UnsupportedAudio(f"{name} is not audio: {error.strerror}") from None
        except OSError as error:
            raise UnsupportedAudio(f"{name} cannot be read: {error.strerror}") from None
        if not container.streams.audio:
            raise UnsupportedAudio(f"{name} has no audio stream")
        yield container, file


def _decode(source: Path | BinaryIO, name: str) -> Iterator[Samples]:
    with _open(source, name) as (container, file):
        # Averaging the channels here keeps the level of `PcmConverter`; FFmpeg's own downmix may clip.
        resampler = av.AudioResampler(format="fltp", rate=SAMPLE_RATE)
        faults: list[av.error.FFmpegError] = []
        samples = 0
        for frame in chain(_frames(container, faults), [None]):
            for piece in resampler.resample(frame):
                if piece.samples:
                    samples += piece.samples
                    yield piece.to_ndarray().mean(axis=0, dtype=np.float32)
        seconds = samples / SAMPLE_RATE
        missing_s = _promised(container) - seconds
        if container.format.name == "wav":
            missing_s = max(missing_s, _missing_wav(file))
        if samples and (faults or missing_s > TOLERANCE_S):
            raise DamagedAudio(f"{name} is damaged: {seconds:.1f} s of it could be decoded")


def _promised(container: InputContainer) -> float:
    """Seconds the header says the first audio stream has; 0 where it does not, or FFmpeg guesses from the bit rate."""
    stream = container.streams.audio[0]
    if container.format.name in _GUESSED or stream.duration is None or stream.time_base is None:
        return 0.0
    return float(stream.duration * stream.time_base)


def _missing_wav(file: BinaryIO) -> float:
    """Seconds by which a wav file ends before its header says; FFmpeg takes what is there for the whole."""
    size, bytes_per_s = file.seek(0, os.SEEK_END), 0
    file.seek(0)
    if file.read(4) != b"RIFF":  # RF64 and others have their sizes elsewhere
        return 0.0
    at = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        header = file.read(20)
        name, told = header[:4], int.from_bytes(header[4:8], "little")
        at += 8
        if name == b"fmt ":
            bytes_per_s = int.from_bytes(header[16:20], "little")
        if name == b"data":
            missing = at + told - size if told < _UNTOLD else 0
            return missing / bytes_per_s if bytes_per_s else 0.0
        at += told + told % 2
    return 0.0


def _frames(container: InputContainer, faults: list[av.error.FFmpegError]) -> Iterator[av.AudioFrame]:
    """Frames of the first audio stream; packets that do not decode are left out, an unreadable rest ends it.

    Either is a fault.
    """
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            faults.append(error)
            return
        try:
            frames = packet.decode()
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            faults.append(error)
            continue
        yield from frames
