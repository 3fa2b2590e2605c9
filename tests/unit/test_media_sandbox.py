"""Hostile files, decoded by the process that decodes them in production."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil
import pytest

from deployments.media.forks import Forks
from deployments.media.sandbox import Limits, MediaSandbox
from izwi.audio import SAMPLE_RATE, write_wav
from izwi.errors import AudioTooLong, DamagedAudio, IzwiError, Overloaded, UnsupportedAudio
from izwi.media import decode_file
from izwi.stages import Samples
from tests.media_files import CODECS, encode

FUZZED = 1000


class Build(Protocol):
    def __call__(self, **limits: float) -> MediaSandbox: ...


@pytest.fixture
def sandbox(forks: Forks) -> Build:
    """A sandbox with other limits than usual."""

    def build(**limits: float) -> MediaSandbox:
        return MediaSandbox(Limits(**{"max_seconds": 60.0, **limits}), forks)  # type: ignore[arg-type]

    return build


async def decoded(path: Path, by: MediaSandbox) -> Samples:
    with path.open("rb") as file:
        return np.concatenate([piece async for piece in by.decode(file)])


async def until_it_fails(path: Path, by: MediaSandbox) -> tuple[int, Exception | None]:
    samples = 0
    try:
        with path.open("rb") as file:
            async for piece in by.decode(file):
                samples += len(piece)
    except IzwiError as error:
        return samples, error
    return samples, None


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp4"])
async def test_honest_files_decode_as_without_it(tmp_path: Path, suffix: str, sandbox: Build) -> None:
    path = encode(tmp_path / f"tone.{suffix}")
    plain = np.concatenate(list(decode_file(path, 60)))
    np.testing.assert_allclose(await decoded(path, sandbox()), plain, atol=1 / 32768)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, os.urandom(5000), b"#EXTM3U\nfile:///etc/passwd\n"])
async def test_what_is_not_audio_is_refused(tmp_path: Path, content: bytes, sandbox: Build) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UnsupportedAudio):
        await decoded(tmp_path / "file", sandbox())


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp4"])
async def test_the_length_of_a_file_is_told_by_its_header(tmp_path: Path, suffix: str, sandbox: Build) -> None:
    path = encode(tmp_path / f"tone.{suffix}", seconds=3)
    with path.open("rb") as file:
        assert await sandbox().duration(file) == pytest.approx(3, abs=0.1)
        with pytest.raises(AudioTooLong):
            await sandbox(max_seconds=2).duration(file)
        with pytest.raises(UnsupportedAudio, match="took"):
            await sandbox(wall_s=0.0).duration(file)


@pytest.mark.parametrize("content", [b"", os.urandom(5000), b"#EXTM3U\nfile:///etc/passwd\n"])
async def test_what_is_not_audio_has_no_length(tmp_path: Path, content: bytes, sandbox: Build) -> None:
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file, pytest.raises(UnsupportedAudio):
        await sandbox().duration(file)


async def test_what_a_damaged_file_gives_comes_before_the_damage_is_told(tmp_path: Path, sandbox: Build) -> None:
    path = encode(tmp_path / "tone.flac", seconds=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    samples, error = await until_it_fails(path, sandbox())
    assert isinstance(error, DamagedAudio)
    assert 3 < samples / SAMPLE_RATE < 6


async def test_a_bomb_is_cut_at_the_limit(tmp_path: Path, sandbox: Build) -> None:
    """Hours of silence in a small file."""
    path = encode(tmp_path / "bomb.flac", seconds=600, rate=8000)
    samples, error = await until_it_fails(path, sandbox(max_seconds=5))
    assert isinstance(error, AudioTooLong)
    assert samples <= 5 * SAMPLE_RATE


@pytest.mark.parametrize("limits", [{"wall_s": 0.01}, {"max_bytes": 50_000_000}, {"cpu_s": 0}])
async def test_a_file_that_takes_too_much_is_a_typed_error(
    tmp_path: Path, limits: dict[str, float], sandbox: Build
) -> None:
    with pytest.raises(UnsupportedAudio, match="took"):
        await decoded(encode(tmp_path / "long.flac", seconds=60), sandbox(**limits))


@pytest.mark.parametrize(("max_bytes", "short"), [(50_000_000, True), (1_500_000_000, False)])
def test_a_decoder_at_its_limit_of_memory_knows_it(max_bytes: int, short: bool) -> None:
    """What FFmpeg makes of too little memory differs from run to run: a file without audio is one of it."""
    tried = f"from deployments.media.worker import confine, spare_memory; confine({max_bytes}, 60); spare_memory()"
    told = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, check=False)
    assert ("MemoryError" in told.stderr) == short, told.stderr
    assert bool(told.returncode) == short


async def test_more_files_than_may_wait_are_refused_and_the_others_decode(tmp_path: Path, forks: Forks) -> None:
    path = encode(tmp_path / "tone.wav")
    few = MediaSandbox(Limits(60), forks, large=1, small=0, waiting=2)
    found = await asyncio.gather(*(decoded(path, few) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, Overloaded) for one in found) == 2
    assert sum(isinstance(one, np.ndarray) for one in found) == 3
    assert len(await decoded(path, few)) > SAMPLE_RATE


async def test_nothing_is_left_of_a_file_whose_client_has_gone(tmp_path: Path, forks: Forks) -> None:
    write_wav(tmp_path / "long.wav", np.zeros(600 * SAMPLE_RATE, np.int16), SAMPLE_RATE)
    one = MediaSandbox(Limits(3600), forks, at_once=1, large=1, small=0)
    with (tmp_path / "long.wav").open("rb") as file:
        pieces = one.decode(file)
        await anext(pieces)
        await asyncio.sleep(0.3)  # the pipe is full by now
        async with asyncio.timeout(5):
            await pieces.aclose()  # type: ignore[attr-defined]
    assert workers(forks) == []
    assert len(await decoded(encode(tmp_path / "next.wav"), one)) > SAMPLE_RATE


async def test_a_short_clip_waits_for_no_long_file_and_long_files_for_each_other(tmp_path: Path, forks: Forks) -> None:
    write_wav(tmp_path / "long.wav", np.zeros(600 * SAMPLE_RATE, np.int16), SAMPLE_RATE)
    clip = encode(tmp_path / "clip.wav")
    few = MediaSandbox(Limits(3600), forks, large=2, small=1)
    with (tmp_path / "long.wav").open("rb") as a, (tmp_path / "long.wav").open("rb") as b, clip.open("rb") as c:
        begun = [few.decode(file) for file in (a, b)]
        for pieces in begun:
            await anext(pieces)  # and is not asked for more: the recogniser has enough to do
        third = asyncio.create_task(decoded(tmp_path / "long.wav", few))
        async with asyncio.timeout(30):
            for _ in range(3):
                assert len(await decoded(clip, few)) > SAMPLE_RATE
            assert await few.duration(c) == pytest.approx(2, abs=0.1)
            assert not third.done()
            assert len(workers(forks)) == 2
            await begun[0].aclose()
            assert len(await third) == 600 * SAMPLE_RATE
        await begun[1].aclose()
    assert workers(forks) == []


def workers(forks: Forks) -> list[psutil.Process]:
    return psutil.Process(forks.pid).children()


async def test_a_slow_reader_does_not_use_up_the_decoders_time_nor_get_its_timeout(
    tmp_path: Path, sandbox: Build
) -> None:
    samples = 0
    with encode(tmp_path / "tone.wav", seconds=4).open("rb") as file:
        async for piece in sandbox(wall_s=5).decode(file):
            samples += len(piece)
            await asyncio.sleep(0.8)
    assert samples / SAMPLE_RATE == pytest.approx(4, abs=0.1)


async def test_a_file_that_was_looked_into_is_decoded_from_its_beginning(tmp_path: Path, sandbox: Build) -> None:
    path = encode(tmp_path / "tone.flac")
    with path.open("rb") as file:
        file.read(4)
        samples = sum([len(piece) async for piece in sandbox().decode(file)])
    assert samples == len(await decoded(path, sandbox()))


@pytest.mark.timeout(240)
def test_fuzzed_files_give_audio_or_a_typed_error_and_nothing_else(tmp_path: Path) -> None:
    """A thousand mutations of files of every format, in one process under the limits of the sandbox."""
    seeds = [encode(tmp_path / f"tone.{suffix}", seconds=0.5) for suffix in CODECS]
    source = random.Random(1)
    for number in range(FUZZED):
        (tmp_path / f"fuzzed-{number}").write_bytes(mutated(source.choice(seeds).read_bytes(), source))
    code = FUZZ.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stdout.strip()) == (0, str(FUZZED)), done.stderr[-2000:]


FUZZ = """
import io, pathlib
from deployments.media.worker import confine, warm_up
from izwi.errors import IzwiError
from izwi.media import decode_file
files = [path.read_bytes() for path in sorted(pathlib.Path({folder!r}).glob("fuzzed-*"))]
warm_up()
confine(1_500_000_000, 150)
for content in files:
    try:
        for _ in decode_file(io.BytesIO(content), 60):
            pass
    except IzwiError:
        pass
print(len(files))
"""


def mutated(content: bytes, source: random.Random) -> bytes:
    """Bytes changed, cut out, doubled, or cut off."""
    data = bytearray(content)
    for _ in range(source.choice([1, 3, 10, 100])):
        at, length = source.randrange(len(data)), source.randrange(1, 64)
        match source.randrange(5):
            case 0:
                data[at] = source.randrange(256)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at : at + 4] = source.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
            case _:
                if source.random() < 0.1:
                    data = data[: at + 1]
        if not data:
            return b"\0"
    return bytes(data)
