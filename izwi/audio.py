"""Audio inside Izwi: mono float32 at 16 kHz, and its forms on the wire and on disk."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
"""Hz, of all audio inside Izwi: what Silero and Whisper were trained on."""

Samples = npt.NDArray[np.float32]
"""Mono audio at 16 kHz, shape (n,), in [-1, 1]."""


@dataclass(frozen=True)
class Cut:
    """In a stream of audio: the utterance that is open ends here, however short the silence."""


def to_pcm16(samples: Samples) -> bytes:
    """Little-endian 16-bit PCM of float samples in [-1, 1]; values outside are clipped."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes()


def from_pcm16(data: bytes) -> Samples:
    """Samples of little-endian 16-bit PCM. ``len(data)`` must be even."""
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768.0)


def write_wav(path: Path, pcm: npt.NDArray[np.int16], rate: int) -> None:
    """Write mono 16-bit PCM of shape (n,) at ``rate`` Hz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())
