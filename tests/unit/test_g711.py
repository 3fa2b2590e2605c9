"""G.711 against values of the recommendation, and against FFmpeg's decoder for every byte."""

import av
import numpy as np
import pytest

from izwi.g711 import decode_alaw, decode_mulaw

EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize(
    ("byte", "value"),
    # ITU-T G.711 table 2a/2b: ends of the scale, the ends of segments, and both zeros; 14-bit values times four.
    [(0x80, 8031), (0x8F, 4191), (0x9F, 2079), (0xEF, 33), (0xF0, 30), (0xFE, 2), (0xFF, 0), (0x7F, 0), (0x00, -8031)],
)
def test_mulaw_values_of_the_recommendation(byte: int, value: int) -> None:
    assert decode_mulaw(bytes([byte])).tolist() == [4 * value]


@pytest.mark.parametrize(
    ("byte", "value"),
    # ITU-T G.711 table 1a/1b: 13-bit values (in halves of the smallest step) times eight.
    [(0xAA, 4032), (0xA5, 2112), (0xD5, 1), (0xD4, 3), (0x55, -1), (0x2A, -4032)],
)
def test_alaw_values_of_the_recommendation(byte: int, value: int) -> None:
    assert decode_alaw(bytes([byte])).tolist() == [8 * value]


@pytest.mark.parametrize(("codec", "decode"), [("pcm_mulaw", decode_mulaw), ("pcm_alaw", decode_alaw)])
def test_every_byte_is_what_ffmpeg_makes_of_it(codec: str, decode) -> None:
    context = av.CodecContext.create(codec, "r")
    context.sample_rate, context.layout = 8000, "mono"  # type: ignore[attr-defined]
    (frame,) = context.decode(av.Packet(EVERY_BYTE))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(decode(EVERY_BYTE), frame.to_ndarray()[0])
    assert decode(b"").shape == (0,)
