"""Workers that are forked, and what becomes of them when something dies."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from deployments.media.fork_server import NUMBER, ForkServer
from deployments.media.forks import STARTS_S, Forks
from deployments.media.sandbox import Limits, MediaSandbox
from izwi.audio import SAMPLE_RATE, write_wav
from izwi.errors import DamagedAudio
from tests.media_files import encode

LIMITS = ("3600", "1500000000", "60")


@pytest.fixture
def long(tmp_path: Path) -> Path:
    write_wav(tmp_path / "long.wav", np.zeros(600 * SAMPLE_RATE, np.int16), SAMPLE_RATE)
    return tmp_path / "long.wav"


def fork_servers() -> set[int]:
    """Process numbers of those of this process that still run."""
    running = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    return {one.pid for one in running if "deployments.media.fork_server" in one.cmdline()}


def server(forks: Forks) -> psutil.Process:
    """Its fork server."""
    assert forks.pid is not None
    return psutil.Process(forks.pid)


async def test_a_worker_writes_audio_and_tells_how_it_ends(forks: Forks, tmp_path: Path) -> None:
    with encode(tmp_path / "tone.wav", seconds=2).open("rb") as file:
        async with forks.worker(file, *LIMITS) as worker:
            assert len(await worker.stdout.read(-1)) == 2 * 2 * SAMPLE_RATE
            assert await worker.stderr.read() == b""
            assert await worker.wait() == 0
    with (tmp_path / "text").open("w+b") as file:
        async with forks.worker(file, *LIMITS) as worker:
            assert await worker.wait() == 1
            assert b'"unsupported_audio"' in await worker.stderr.read()


async def test_a_worker_can_reach_nothing_but_its_file(forks: Forks, long: Path) -> None:
    with long.open("rb") as file:
        async with forks.worker(file, *LIMITS) as worker:
            await worker.stdout.readexactly(2)
            opened = os.listdir(f"/proc/{worker.pid}/fd")
            assert sorted(opened) == ["0", "1", "2"]
            limits = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
            assert [line.split()[-3:-1] for line in limits if line.startswith("Max open files")] == [["3", "3"]]


async def test_a_worker_ends_with_its_reader(forks: Forks, long: Path) -> None:
    with long.open("rb") as file:
        async with forks.worker(file, *LIMITS) as worker:
            await worker.stdout.readexactly(2)
        assert not psutil.pid_exists(worker.pid)
        assert await worker.wait() < 0


async def test_files_at_once_have_a_worker_each(forks: Forks, tmp_path: Path) -> None:
    paths = [encode(tmp_path / f"{number}.wav", seconds=0.5 + number / 4) for number in range(8)]
    sandbox = MediaSandbox(Limits(60), forks, at_once=8, large=8)

    async def seconds(path: Path) -> float:
        with path.open("rb") as file:
            return sum([len(piece) async for piece in sandbox.decode(file)]) / SAMPLE_RATE

    found = await asyncio.gather(*map(seconds, paths))
    assert found == pytest.approx([0.5 + number / 4 for number in range(8)], abs=0.01)
    assert server(forks).children() == []


async def test_a_worker_that_is_killed_is_a_damaged_file(forks: Forks, long: Path) -> None:
    sandbox = MediaSandbox(Limits(3600), forks)

    async def decode() -> None:
        with long.open("rb") as file:
            async for _ in sandbox.decode(file):
                for worker in server(forks).children():
                    with suppress(psutil.NoSuchProcess):  # its audio is still in the pipe, for another round
                        worker.kill()

    with pytest.raises(DamagedAudio, match="broke"):
        await decode()


async def test_another_fork_server_follows_one_that_is_killed(forks: Forks, long: Path) -> None:
    sandbox = MediaSandbox(Limits(3600), forks)
    with long.open("rb") as file:
        assert await sandbox.duration(file) == 600
        server(forks).kill()
        assert await sandbox.duration(file) == 600
        with long.open("rb") as other:
            async with forks.worker(other, *LIMITS) as worker:
                server(forks).kill()
                assert await worker.wait() == -1
        assert await sandbox.duration(file) == 600


def test_nothing_is_left_of_a_process_that_is_killed(long: Path) -> None:
    code = f"""
import asyncio, os, signal
from deployments.media.fork_server import NUMBER, ForkServer
from deployments.media.forks import Forks
async def main():
    with open({str(long)!r}, "rb") as file:
        forks = Forks()
        async with forks.worker(file, *{LIMITS!r}) as worker:
            await worker.stdout.readexactly(2)
            print(worker.pid, forks.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    end = time.monotonic() + 20
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_no_worker_is_started_where_the_system_lets_none_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    status, its_status = socket.socketpair()
    with ours, its, status, (tmp_path / "file").open("w+b") as file:
        socket.send_fds(ours, [b"[]"], [file.fileno()] * 3 + [its_status.fileno()])
        its_status.close()
        ours.shutdown(socket.SHUT_WR)
        ForkServer(its).serve()
        assert status.recv(100) == NUMBER.pack(0), "and that was all"


async def test_files_that_find_the_fork_server_gone_share_the_next_one(forks: Forks, long: Path) -> None:
    before = fork_servers()
    await forks.warm_up()
    server(forks).kill()
    sandbox = MediaSandbox(Limits(3600), forks)

    async def duration() -> float | None:
        with long.open("rb") as file:
            return await sandbox.duration(file)

    assert await asyncio.gather(*(duration() for _ in range(6))) == [600] * 6
    assert fork_servers() - before == {forks.pid}


async def test_a_fork_server_that_hangs_is_replaced(forks: Forks, long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await forks.warm_up()
    hangs = server(forks)
    hangs.suspend()
    monkeypatch.setattr("deployments.media.forks.STARTS_S", 5.0)
    monkeypatch.setattr("deployments.media.forks.ENDS_S", 0.2)
    with long.open("rb") as file:
        assert await MediaSandbox(Limits(3600), forks).duration(file) == 600
    assert forks.pid != hangs.pid
    assert not hangs.is_running()


@pytest.mark.parametrize("arguments", [LIMITS, ("no number", "1", "1")])
async def test_a_worker_whose_readers_are_gone_ends_and_leaves_the_others_alone(
    forks: Forks, long: Path, arguments: tuple[str, ...]
) -> None:
    with long.open("rb") as file, long.open("rb") as other:
        async with forks.worker(other, *LIMITS) as neighbour, forks.worker(file, *arguments) as worker:
            await neighbour.stdout.readexactly(2)
            for reader in (worker.stdout, worker.stderr):
                reader._transport.close()  # type: ignore[attr-defined]
            assert await worker.wait() == 1
            assert psutil.pid_exists(neighbour.pid)
            assert server(forks).is_running()


async def test_the_loop_does_not_wait_while_workers_start(forks: Forks, long: Path) -> None:
    """It would, for a program that it starts itself: until that runs. Here that would be until it is given up."""
    await forks.warm_up()
    server(forks).suspend()
    with long.open("rb") as file:
        starting = asyncio.create_task(MediaSandbox(Limits(3600), forks).duration(file))
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.1)
        assert asyncio.get_running_loop().time() - began < STARTS_S / 2
        assert not starting.done()
        server(forks).resume()
        assert await starting == 600
