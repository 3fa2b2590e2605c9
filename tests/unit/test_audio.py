import io
import wave
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from izwi.audio import SAMPLE_RATE, PcmConverter, decode_file, from_pcm16, to_pcm16, write_wav
from izwi.errors import AudioTooLong, DamagedAudio, UnsupportedAudio
from izwi.messages import AudioFormat
from izwi.stages import Samples


def tone(seconds: float, rate: int, hertz: float = 440.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


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


@pytest.mark.parametrize("value", [2.0, -2.0])
def test_to_pcm16_clips(value: float) -> None:
    assert abs(int(np.frombuffer(to_pcm16(np.array([value], np.float32)), "<i2")[0])) >= 32767


@settings(deadline=None, max_examples=60)
@given(
    raw=st.binary(max_size=4000),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    rate=st.sampled_from([8000, 16000, 44100, 48000]),
    channels=st.integers(1, 3),
    encoding=st.sampled_from(["pcm_s16le", "pcm_f32le"]),
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


CODECS = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "mp3": "libmp3lame",
    "ogg": "libopus",
    "opus": "libopus",
    "m4a": "aac",
    "webm": "libopus",
}


def encode(path: Path, seconds: float = 2.0, rate: int = 48_000, video: bool = False) -> Path:
    """A stereo tone, behind a video stream if asked for."""
    pcm = (np.repeat(tone(seconds, rate), 2) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p") if video else None
        stream = container.add_stream(CODECS.get(path.suffix[1:], "aac"), rate=rate, layout="stereo")
        if picture:
            for packet in picture.encode(av.VideoFrame(64, 64, "yuv420p")):
                container.mux(packet)
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="stereo")
        frame.sample_rate = rate
        container.mux([*stream.encode(frame), *stream.encode(None), *(picture.encode(None) if picture else ())])
    return path


@pytest.mark.parametrize("suffix", CODECS)
def test_every_format_decodes(tmp_path: Path, suffix: str) -> None:
    samples = np.concatenate(list(decode_file(encode(tmp_path / f"tone with space.{suffix}"), 60)))
    assert samples.dtype == np.float32
    assert abs(len(samples) / SAMPLE_RATE - 2.0) < 0.1
    spectrum = np.abs(np.fft.rfft(samples[8000:24000]))
    assert int(np.argmax(spectrum)) == 440
    assert 0.4 < np.abs(samples).max() < 0.6


def test_the_audio_of_a_video_decodes_also_from_memory(tmp_path: Path) -> None:
    path = encode(tmp_path / "film.mp4", video=True)
    for source in (path, io.BytesIO(path.read_bytes())):
        assert abs(sum(map(len, decode_file(source, 60))) / SAMPLE_RATE - 2.0) < 0.1


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg"])
def test_a_truncated_file_gives_its_beginning(tmp_path: Path, suffix: str) -> None:
    path = encode(tmp_path / f"cut.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 0.5 < sum(map(len, decode_file(path, 60))) / SAMPLE_RATE < 1.6


def test_what_a_damaged_file_gives_comes_before_the_damage_is_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "song.flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    got: list[Samples] = []
    with pytest.raises(DamagedAudio, match=r"song\.flac is damaged: [01]\.\d s"):
        got.extend(decode_file(path, 60))
    assert 0.5 < sum(map(len, got)) / SAMPLE_RATE < 1.95


def test_a_stream_shorter_than_its_header_says_is_damaged(tmp_path: Path) -> None:
    path = encode(tmp_path / "short.flac")
    data = bytearray(path.read_bytes())
    total = data.index(b"fLaC") + 8 + 13  # the last five of the 36 bits that count samples; see RFC 9639, 8.2
    data[total : total + 5] = (int.from_bytes(data[total : total + 5]) + 96_000).to_bytes(5)
    path.write_bytes(data)
    with pytest.raises(DamagedAudio, match=r"2\.0 s"):
        list(decode_file(path, 60))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 5000,
        b"This is a letter, not a song.\n" * 100,
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n",
        b"RIFF\x24\x00\x00\x00WAVE",
        np.random.default_rng(3).bytes(300),
    ],
    ids=["empty", "zeros", "text", "playlist", "header", "noise"],
)
def test_what_is_not_audio_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    with pytest.raises(UnsupportedAudio, match=r"song\.wav"):
        list(decode_file(path, 60))


def test_a_missing_file_a_folder_and_a_silent_film_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudio, match="cannot be read"):
        list(decode_file(tmp_path / "none.wav", 60))
    with pytest.raises(UnsupportedAudio, match="cannot be read"):
        list(decode_file(tmp_path, 60))
    film = tmp_path / "silent.mp4"
    with av.open(str(film), "w") as container:
        picture = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        container.mux([*picture.encode(av.VideoFrame(64, 64, "yuv420p")), *picture.encode(None)])
    with pytest.raises(UnsupportedAudio, match="no audio stream"):
        list(decode_file(film, 60))
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16), 16000)
    with pytest.raises(UnsupportedAudio, match="no audio that can be decoded"):
        list(decode_file(tmp_path / "empty.wav", 60))


def test_audio_over_the_limit_is_refused_after_the_limit(tmp_path: Path) -> None:
    got: list[Samples] = []
    with pytest.raises(AudioTooLong, match="1 s"):
        got.extend(decode_file(encode(tmp_path / "long.flac"), 1))
    assert 0.8 * SAMPLE_RATE < sum(map(len, got)) <= SAMPLE_RATE


def test_write_wav(tmp_path: Path) -> None:
    write_wav(tmp_path / "out.wav", np.arange(-5, 5, dtype=np.int16), 22_050)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, 22_050, 10)
        assert file.readframes(10) == np.arange(-5, 5, dtype="<i2").tobytes()
