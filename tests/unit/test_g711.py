"""Against the tables of ITU-T G.711, and against FFmpeg's decoder over every code."""

import io
import wave

import av
import numpy as np
import pytest

from izwi import g711


@pytest.mark.parametrize(
    ("law", "code", "value"),
    [
        ("ulaw", 0xFF, 0),
        ("ulaw", 0x7F, 0),
        ("ulaw", 0x80, 32124),
        ("ulaw", 0x00, -32124),
        ("ulaw", 0xEF, 132),
        ("alaw", 0xD5, 8),
        ("alaw", 0x55, -8),
        ("alaw", 0xAA, 32256),
        ("alaw", 0x2A, -32256),
        ("alaw", 0xC5, 264),
    ],
)
def test_known_codes(law: g711.Law, code: int, value: int) -> None:
    assert g711.expand(bytes([code]), law).tolist() == [value]


@pytest.mark.parametrize(("law", "format_tag"), [("ulaw", 7), ("alaw", 6)])
def test_every_code_as_ffmpeg_decodes_it(law: g711.Law, format_tag: int) -> None:
    codes = bytes(range(256))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:  # PCM, whose header is then made to say G.711
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(g711.RATE)
        writer.writeframes(codes)
    content = bytearray(file.getvalue())
    content[20:22] = format_tag.to_bytes(2, "little")
    with av.open(io.BytesIO(bytes(content))) as container:
        frames = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    np.testing.assert_array_equal(g711.expand(codes, law), np.concatenate(frames))


def test_nothing_is_no_samples() -> None:
    assert g711.expand(b"", "ulaw").size == 0
