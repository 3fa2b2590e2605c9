import wave
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from izwi.audio import SAMPLE_RATE, from_pcm16, to_pcm16, write_wav
from izwi.messages import AudioFormat
from izwi.pcm_converter import PcmConverter
from izwi.stages import Samples
from tests.media_files import tone


def convert(audio: AudioFormat, pieces: list[bytes]) -> Samples:
    converter = PcmConverter(audio)
    return np.concatenate([*(converter.push(piece) for piece in pieces), converter.flush()])


def test_16_khz_mono_passes_unchanged() -> None:
    pcm = np.array([0, 1, -32768, 32767], "<i2")
    samples = convert(AudioFormat(), [pcm.tobytes()])
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, pcm / np.float32(32768))
    assert to_pcm16(samples) == pcm.tobytes()
    np.testing.assert_array_equal(from_pcm16(pcm.tobytes()), samples)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100, 48000, 192000])
def test_any_rate_becomes_16_khz(rate: int) -> None:
    samples = convert(AudioFormat(sample_rate=rate), [to_pcm16(tone(1.0, rate))])
    assert abs(len(samples) - SAMPLE_RATE) <= 2
    inner = slice(1600, 14400)  # the filter rings at the edges
    np.testing.assert_allclose(samples[inner], tone(1.0, SAMPLE_RATE)[: len(samples)][inner], atol=2e-3)


def test_channels_are_averaged() -> None:
    stereo = np.array([[0.5, -0.5], [0.25, 0.75]], "<f4")
    samples = convert(AudioFormat(encoding="pcm_f32le", channels=2), [stereo.tobytes()])
    np.testing.assert_allclose(samples, [0.0, 0.5])


def test_floats_no_model_could_take_become_silence_or_are_clipped() -> None:
    raw = np.array([np.nan, np.inf, -np.inf, 3.0, -3.0, 0.5], "<f4")
    samples = convert(AudioFormat(encoding="pcm_f32le"), [raw.tobytes()])
    np.testing.assert_array_equal(samples, np.array([0, 0, 0, 1, -1, 0.5], np.float32))


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_telephone_lines_become_16_khz(encoding: str, rate: int) -> None:
    codec = av.CodecContext.create(f"pcm_{encoding}", "w")
    codec.sample_rate, codec.layout, codec.format = rate, "mono", "s16"  # type: ignore[attr-defined]
    pcm = np.frombuffer(to_pcm16(tone(1.0, rate)), "<i2")
    frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
    frame.sample_rate = rate
    data = b"".join(bytes(packet) for packet in codec.encode(frame))  # type: ignore[attr-defined]
    samples = convert(AudioFormat(encoding=encoding, sample_rate=rate), [data[:100], data[100:]])
    assert abs(len(samples) - SAMPLE_RATE) <= 2
    inner = slice(1600, 14400)
    np.testing.assert_allclose(samples[inner], tone(1.0, SAMPLE_RATE)[: len(samples)][inner], atol=0.02)


def test_the_usual_rate_may_be_left_out() -> None:
    rates = {"pcm_s16le": 16_000, "pcm_f32le": 16_000, "mulaw": 8000, "alaw": 8000, "opus": 48_000}
    for encoding, rate in rates.items():
        audio = AudioFormat.model_validate({"encoding": encoding})
        assert audio.sample_rate == rate
        assert AudioFormat.model_validate_json(audio.model_dump_json()) == audio


@pytest.mark.parametrize("wrong", [{"sample_rate": 16_000}, {"channels": 3}])
def test_opus_has_one_rate_and_two_channels_at_most(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="48000 and one or two"):
        AudioFormat.model_validate({"encoding": "opus", **wrong})
    with pytest.raises(ValidationError, match="encoding"):
        AudioFormat.model_validate({"encoding": ["opus"]})


@pytest.mark.parametrize("value", [2.0, -2.0])
def test_to_pcm16_clips(value: float) -> None:
    assert abs(int(np.frombuffer(to_pcm16(np.array([value], np.float32)), "<i2")[0])) >= 32767


@settings(deadline=None, max_examples=60)
@given(
    raw=st.binary(max_size=4000),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    rate=st.sampled_from([8000, 16000, 44100, 48000]),
    channels=st.integers(1, 3),
    encoding=st.sampled_from(["pcm_s16le", "pcm_f32le", "mulaw", "alaw"]),
)
def test_chunking_does_not_matter(raw: bytes, cuts: list[int], rate: int, channels: int, encoding: str) -> None:
    audio = AudioFormat.model_validate({"encoding": encoding, "sample_rate": rate, "channels": channels})
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[first:last] for first, last in pairwise(edges)]
    whole = convert(audio, [raw])
    chunked = convert(audio, pieces)
    assert np.isfinite(chunked).all()
    assert np.abs(chunked).max(initial=0) <= 1
    assert abs(len(whole) - len(chunked)) <= 1
    shared = min(len(whole), len(chunked))
    np.testing.assert_allclose(whole[:shared], chunked[:shared], atol=1e-4)


def test_write_wav(tmp_path: Path) -> None:
    write_wav(tmp_path / "out.wav", np.arange(-5, 5, dtype=np.int16), 22_050)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, 22_050, 10)
        assert file.readframes(10) == np.arange(-5, 5, dtype="<i2").tobytes()
