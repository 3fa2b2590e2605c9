"""Untrusted media files: decoded by a process that is confined, watched, and thrown away after each file.

What a hostile file can reach is a decoder without files, processes or network, and with so much memory and time. What
it costs the server is bounded by `Limits`, by how many compute at once, and by how many are open; the event loop only
carries the audio.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import structlog

from deployments.media.forks import PIECE, Forks, Worker
from izwi.audio import from_pcm16
from izwi.errors import AudioTooLong, DamagedAudio, IzwiError, Overloaded, UnsupportedAudio, error_classes
from izwi.stages import Samples

TOLD = 4096
"""Last bytes of its messages that are read."""
SMALL = 2_000_000
"""Bytes of a file that is soon done with: a minute of 16-bit samples at 16 kHz, two of mp3 at 128 kb/s."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Limits:
    """Of one file."""

    max_seconds: float
    """Of audio."""
    max_bytes: int = 1_500_000_000
    """Of address space; the libraries alone map two thirds of that, an honest file needs a few megabytes."""
    cpu_s: int = 60
    """Honest files decode at several hundred times real time: enough for four hours."""
    wall_s: float = 120.0
    """Spent waiting for the decoder, on a busy machine; what the reader of the audio takes does not count."""


@dataclass
class _Queue:
    """Files of one kind on their way to a process."""

    places: tuple[asyncio.Semaphore, ...]
    """What each needs, in this order."""
    waiting: int = field(default=0, init=False)


class MediaSandbox:
    """Decodes files, a few at a time.

    A file has its process for as long as its audio is read: a long one for minutes, at the pace of recognition. Most of
    that time the process waits. So only those that compute are few, and some places are for files that are `SMALL` or
    only looked into: a short clip waits for no long one.

    Args:
        forks: where the processes come from.
        at_once: processes that compute.
        large: files of any size that are open.
        small: files that are soon done with and may be open besides.
        waiting: files of either kind that may wait for a place.
    """

    def __init__(
        self,
        limits: Limits,
        forks: Forks,
        at_once: int = 2,
        large: int = 4,
        small: int = 2,
        waiting: int = 32,
    ) -> None:
        self._limits = limits
        self._forks = forks
        self._computing = asyncio.Semaphore(at_once)
        every = asyncio.Semaphore(large + small)
        self._large, self._small = _Queue((asyncio.Semaphore(large), every)), _Queue((every,))
        self._waiting = waiting

    @property
    def max_seconds(self) -> float:
        """Of audio, in one file."""
        return self._limits.max_seconds

    async def decode(self, file: BinaryIO) -> AsyncGenerator[Samples]:
        """The audio of an open file that can seek, in pieces of half a second, float32, shape (n,), mono at 16 kHz.

        Raises:
            UnsupportedAudio: not audio, nothing that can be decoded, or its decoder broke or took too much.
            DamagedAudio: after all that could be decoded of a damaged file.
            AudioTooLong: after the seconds that are accepted.
            Overloaded: too many files wait.
        """
        queue = self._small if os.fstat(file.fileno()).st_size <= SMALL else self._large
        async with self._place(queue), AsyncExitStack() as computing, self._process(file, computing) as process:
            told = asyncio.create_task(_tail(process.stderr))
            clock, left_s, some = time.monotonic, self._limits.wall_s, False
            while True:
                began = clock()
                try:
                    async with asyncio.timeout(left_s):  # not round the yield: what the reader does takes its own time
                        piece = await _whole(process.stdout)
                        code = None if piece else await process.wait()
                except TimeoutError:
                    raise UnsupportedAudio(f"decoding took longer than {self._limits.wall_s:g} s") from None
                left_s -= clock() - began
                if code is not None:
                    break
                some = True
                await computing.aclose()
                yield from_pcm16(piece)
                await computing.enter_async_context(self._computing)
            if code:
                raise _error(code, await told, some)

    async def duration(self, file: BinaryIO) -> float | None:
        """Seconds of an open file that can seek, as its header tells them; None where it does not.

        Raises:
            UnsupportedAudio: not audio, or its decoder broke or took too much.
            AudioTooLong: longer than is accepted.
            Overloaded: too many files wait.
        """
        async with (
            self._place(self._small),
            AsyncExitStack() as computing,
            self._process(file, computing, "duration") as process,
        ):
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    told, error = await asyncio.gather(_tail(process.stdout), _tail(process.stderr))
                    code = await process.wait()
            except TimeoutError:
                raise UnsupportedAudio(f"decoding took longer than {self._limits.wall_s:g} s") from None
        if code:
            raise _error(code, error, some=False)
        seconds = float(told) if told else None
        if seconds is not None and seconds > self._limits.max_seconds:
            raise AudioTooLong(f"the file is longer than the {self._limits.max_seconds:g} s that are accepted")
        return seconds

    @asynccontextmanager
    async def _place(self, queue: _Queue) -> AsyncGenerator[None]:
        """For one process, as long as it lives."""
        if queue.waiting >= self._waiting:
            raise Overloaded("too many files wait to be decoded")
        async with AsyncExitStack() as places:
            queue.waiting += 1
            try:
                for place in queue.places:
                    await places.enter_async_context(place)
            finally:
                queue.waiting -= 1
            yield

    @asynccontextmanager
    async def _process(self, file: BinaryIO, computing: AsyncExitStack, what: str = "decode") -> AsyncGenerator[Worker]:
        """One that computes until ``computing`` is closed."""
        await computing.enter_async_context(self._computing)
        limits = self._limits
        os.lseek(file.fileno(), 0, os.SEEK_SET)  # of the descriptor: a buffer before it may have read on
        numbers = (limits.max_seconds, limits.max_bytes, limits.cpu_s)
        async with self._forks.worker(file, *map(str, numbers), what) as process:
            yield process


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The last bytes before its end."""
    tail = b""
    while more := await stream.read(TOLD):
        tail = (tail + more)[-TOLD:]
    return tail


async def _whole(stream: asyncio.StreamReader) -> bytes:
    """The next piece; a shorter one only at the end."""
    try:
        return await stream.readexactly(PIECE)
    except asyncio.IncompleteReadError as rest:
        return rest.partial[: len(rest.partial) // 2 * 2]


def _error(code: int, told: bytes, some: bool) -> IzwiError:
    try:
        error = json.loads(told.splitlines()[-1])
        return error_classes()[error["code"]](error["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        log.warning("media_decoder_broke", code=code)
        if some:
            return DamagedAudio("the file's decoder broke, or took too much memory or time, in the middle")
        return UnsupportedAudio("the file's decoder broke, or took too much memory or time")
