"""Every format, decoded again by FFmpeg."""

import io

import av
import numpy as np
import pytest

from izwi.encoders import FORMATS, MEDIA_TYPES, Format, Pcm, encoder
from izwi.media import decode_file

RATE = 24_000
SECONDS = 3.0
PART = RATE // 2
TONE: Pcm = (8000 * np.sin(2 * np.pi * 440 * np.arange(int(SECONDS * RATE)) / RATE)).astype(np.int16)


def encode(name: Format, pcm: Pcm, part: int) -> list[bytes]:
    into = encoder(name, RATE)
    return [*(into.push(pcm[start : start + part]) for start in range(0, len(pcm), part)), into.finish()]


def decode(name: Format, data: bytes) -> np.ndarray:
    """Samples in [-1, 1] at 16 kHz, or at 24 kHz for ``pcm``."""
    if name == "pcm":
        return np.frombuffer(data, "<i2") / 32768
    return np.concatenate(list(decode_file(io.BytesIO(data), 60)))


@pytest.mark.parametrize("part", [PART, 997, 10 * RATE])
@pytest.mark.parametrize("name", FORMATS)
def test_the_tone_comes_back_whole_however_it_is_cut(name: Format, part: int) -> None:
    found = decode(name, b"".join(encode(name, TONE, part)))
    rate = RATE if name == "pcm" else 16_000
    assert len(found) / rate == pytest.approx(SECONDS, abs=0.1)
    spectrum = np.abs(np.fft.rfft(found))
    assert np.argmax(spectrum) * rate / len(found) == pytest.approx(440, abs=1)
    assert np.abs(found).max() == pytest.approx(8000 / 32768, rel=0.1)


@pytest.mark.parametrize("name", FORMATS)
def test_what_has_gone_in_comes_out_at_once(name: Format) -> None:
    """The first half second can be heard before there is a second one."""
    into = encoder(name, RATE)
    begun = into.push(TONE[:PART])
    assert len(decode(name, begun)) >= 0.6 * 0.5 * (RATE if name == "pcm" else 16_000)


@pytest.mark.parametrize(("name", "codec"), [("mp3", "mp3"), ("opus", "opus"), ("aac", "aac"), ("flac", "flac")])
def test_the_codec_is_what_the_name_says(name: Format, codec: str) -> None:
    with av.open(io.BytesIO(b"".join(encode(name, TONE, PART)))) as container:
        (stream,) = container.streams.audio
        assert (stream.codec_context.name.removesuffix("float"), stream.channels) == (codec, 1)


@pytest.mark.parametrize("name", ["wav", "pcm", "flac"])
def test_lossless_formats_lose_nothing(name: Format) -> None:
    data = b"".join(encode(name, TONE, PART))
    if name == "flac":
        with av.open(io.BytesIO(data)) as container:
            found = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    else:
        found = np.frombuffer(data[44:] if name == "wav" else data, "<i2")
    assert np.array_equal(found, TONE)


@pytest.mark.parametrize("name", FORMATS)
def test_no_sound_at_all_is_no_failure(name: Format) -> None:
    into = encoder(name, RATE)
    into.push(TONE[:0])
    into.finish()
    assert MEDIA_TYPES[name].startswith("audio/")
