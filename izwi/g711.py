"""G.711 (ITU-T, 1988), the codec of telephony: 8 bits a sample at 8 kHz, expanded by table."""

from typing import Literal

import numpy as np
import numpy.typing as npt

RATE = 8000
Law = Literal["ulaw", "alaw"]


def expand(data: bytes, law: Law) -> npt.NDArray[np.int16]:
    """Samples of coded bytes, shape (len(data),), on the full scale of 16 bits."""
    return _TABLES[law][np.frombuffer(data, np.uint8)]


def _ulaw() -> npt.NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)  # sent inverted
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = ((mantissa << 3) + 132 << exponent) - 132  # 132: the bias of 33, on the scale of 16 bits
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _alaw() -> npt.NDArray[np.int16]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55  # even bits are sent inverted
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = np.where(exponent == 0, (mantissa << 4) + 8, (mantissa << 4) + 264 << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


_TABLES = {"ulaw": _ulaw(), "alaw": _alaw()}
