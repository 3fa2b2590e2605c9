"""Signals that sound a little like a voice, their way through Opus, and how much of them is left."""

import numpy as np

from izwi.opus import OpusDecoder, OpusEncoder


def voice(seconds: float, rate: int) -> np.ndarray:
    """A sum of harmonics that glides and swells, int16."""
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * t)) / rate
    tones = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (6000 * tones * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * t))).astype(np.int16)


def encoded(pcm: np.ndarray, rate: int) -> list[bytes]:
    encoder = OpusEncoder(rate)
    return encoder.push(pcm) + encoder.finish()


def decoded(packets: list[bytes]) -> np.ndarray:
    decoder = OpusDecoder()
    return np.concatenate([decoder.decode(packet) for packet in packets])


def snr_db(reference: np.ndarray, heard: np.ndarray) -> float:
    reference, heard = reference.astype(np.float64), heard.astype(np.float64)
    return float(10 * np.log10(np.mean(reference**2) / max(1e-12, np.mean((reference - heard) ** 2))))
