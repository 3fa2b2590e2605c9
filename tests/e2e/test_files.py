"""Files of all kinds, through the command line as it is installed, to a real server."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from izwi.audio import to_pcm16, write_wav
from tests.e2e.conftest import Server
from tests.speech import LIBRIVOX, load, needs_librivox

IZWI = (sys.executable, "-c", "from izwi.cli import main; main()")
"""What the console script runs; this form also finds the package where only the wheel is on the path."""
CODECS = {"mp4": "aac", "m4a": "aac", "mp3": "libmp3lame", "ogg": "libopus", "flac": "flac"}


def transcribe(server: Server, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*IZWI, "transcribe", str(file), "--from", "en", "--url", server.ws],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def encode(path: Path, samples: np.ndarray) -> Path:
    """Mono speech in the codec of the file's suffix; Opus knows 48 kHz only."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix[1:]], rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(to_pcm16(samples), np.int16)[None], "s16", "mono")
        frame.sample_rate = 16_000
        frames = av.AudioResampler(stream.format, "mono", 48_000).resample(frame)
        container.mux([packet for frame in [*frames, None] for packet in stream.encode(frame)])
    return path


def test_an_empty_file_bytes_that_are_no_audio_and_a_header_alone_are_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "noise.wav").write_bytes(np.random.default_rng(5).bytes(20_000))
    write_wav(tmp_path / "header.wav", np.zeros(0, np.int16), 16_000)
    for name in ("empty.wav", "noise.wav", "header.wav"):
        done = transcribe(server, tmp_path / name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error unsupported_audio: {name} ")
        assert done.stderr.count("\n") == 1


@needs_librivox
def test_a_truncated_file_gives_the_words_it_has_and_says_so(server: Server, tmp_path: Path) -> None:
    speech = [load(LIBRIVOX[number].path) for number in (1, 4)]
    path = encode(tmp_path / "talk.flac", np.concatenate([speech[0], np.zeros(16_000, np.float32), speech[1]]))
    kept = int(path.stat().st_size * (len(speech[0]) + 12_000) / (sum(map(len, speech)) + 16_000))
    path.write_bytes(path.read_bytes()[: max(kept, path.stat().st_size // 2)])
    done = transcribe(server, path)
    assert "young man" in done.stdout.lower()
    assert done.returncode == 1
    assert done.stderr.startswith("error damaged_audio: talk.flac is damaged: ")
    assert done.stderr.count("\n") == 1


@needs_librivox
@pytest.mark.parametrize("suffix", ["mp4", "m4a", "mp3", "ogg"])
def test_the_usual_formats_give_the_words(server: Server, tmp_path: Path, suffix: str) -> None:
    done = transcribe(server, encode(tmp_path / f"talk with space.{suffix}", load(LIBRIVOX[1].path)))
    assert "young man" in done.stdout.lower()
    assert (done.returncode, done.stderr) == (0, "")
