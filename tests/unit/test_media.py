import io
from pathlib import Path

import av
import numpy as np
import pytest

from izwi.audio import SAMPLE_RATE, write_wav
from izwi.errors import AudioTooLong, DamagedAudio, UnsupportedAudio
from izwi.media import decode_file
from izwi.stages import Samples
from tests.media_files import CODECS, encode


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


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "webm"])
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


def cut_wav(path: Path, told: int | None, kept: float, chunk: bytes = b"") -> Path:
    """Two seconds of 48 kHz stereo with another size in the header, or the right one."""
    data = bytearray(encode(path).read_bytes())
    at = data.index(b"data")
    if told is not None:
        data[4:8] = data[at + 4 : at + 8] = told.to_bytes(4, "little")
    data[12:12] = chunk
    path.write_bytes(data[: int(len(data) * kept)])
    return path


@pytest.mark.parametrize("chunk", [b"", b"junk\x03\0\0\0odd\0"], ids=["plain", "tagged"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.7])
def test_a_wav_file_that_ends_before_its_header_says_is_damaged(tmp_path: Path, kept: float, chunk: bytes) -> None:
    path = cut_wav(tmp_path / "cut.wav", None, kept, chunk)
    for source in (path, io.BytesIO(path.read_bytes())):
        got: list[Samples] = []
        with pytest.raises(DamagedAudio, match="is damaged"):
            got.extend(decode_file(source, 60))
        assert sum(map(len, got)) / SAMPLE_RATE == pytest.approx(2 * kept, abs=0.1)


@pytest.mark.parametrize("told", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36, 0x80000000])
def test_a_wav_stream_that_tells_no_length_is_whole(tmp_path: Path, told: int) -> None:
    path = cut_wav(tmp_path / "stream.wav", told, 0.5)
    assert sum(map(len, decode_file(path, 60))) / SAMPLE_RATE == pytest.approx(1, abs=0.1)


def test_a_wav_file_of_which_a_moment_is_missing_is_whole(tmp_path: Path) -> None:
    path = cut_wav(tmp_path / "moment.wav", None, 0.9)
    assert sum(map(len, decode_file(path, 60))) / SAMPLE_RATE == pytest.approx(1.8, abs=0.1)


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
