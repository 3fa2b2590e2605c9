"""G.711, the codec of telephone lines: one byte a sample, companded by the mu-law or the A-law (ITU-T G.711, tables 1
and 2). Pure."""

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
"""Linear samples, shape (n,)."""


def _mulaw_table() -> Pcm:
    code = ~np.arange(256, dtype=np.uint8)  # sent inverted, so that a silent line is not all zeros
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    return np.where(code & 128, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Pcm:
    code = np.arange(256, dtype=np.uint8) ^ 0x55  # every other bit is sent inverted
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << np.maximum(exponent - 1, 0))
    return np.where(code & 128, magnitude, -magnitude).astype(np.int16)


_MULAW, _ALAW = _mulaw_table(), _alaw_table()


def decode_mulaw(data: bytes) -> Pcm:
    """16-bit samples of mu-law bytes, as many; the 14 bits of the law stand at the top."""
    return _MULAW[np.frombuffer(data, np.uint8)]


def decode_alaw(data: bytes) -> Pcm:
    """16-bit samples of A-law bytes, as many; the 13 bits of the law stand at the top."""
    return _ALAW[np.frombuffer(data, np.uint8)]
