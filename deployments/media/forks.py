"""Workers for media files, from a process that forks them; see `deployments.media.fork_server`."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from typing import BinaryIO

import structlog

from deployments.media.fork_server import NUMBER
from izwi.audio import SAMPLE_RATE
from izwi.errors import InternalError, Overloaded

PIECE = SAMPLE_RATE // 2 * 2
"""Bytes of audio that are read at once: half a second."""
FULL = "the system lets no further process run"
STARTS_S = 30.0
"""For a worker, its fork server's own start on a busy machine included; one that takes longer hangs."""
ENDS_S = 5.0
"""For a fork server whose parent has left it."""
TRIES = 2
"""The second with a new fork server, where the first one was gone."""

log = structlog.get_logger()


class Worker:
    """A process that decodes one file.

    Args:
        pid: its number.
        stdout: what it decodes.
        stderr: what it says.
        status: reads how it ends, and its writer's end kills it.
    """

    def __init__(
        self,
        pid: int,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
        status: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self._status, self._life = status
        self._code: int | None = None

    async def wait(self) -> int:
        """Its exit code when it has ended, negative after a signal; -1 where its fork server has gone, too."""
        if self._code is None:
            try:
                self._code = await _number(self._status)
            except (asyncio.IncompleteReadError, ConnectionError):
                self._code = -1
        return self._code

    async def kill(self) -> None:
        """Returns when it has ended; does nothing where it had."""
        if self._code is None:
            with suppress(OSError):
                self._life.write_eof()
            await self.wait()


class Forks:
    """One fork server, started when it is first needed and whenever it has gone."""

    def __init__(self) -> None:
        self._starting = asyncio.Lock()
        self._server: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the fork server."""
        return self._process.pid if self._process else None

    async def warm_up(self) -> None:
        """So that no request waits for the fork server to load."""
        async with self._starting:
            await asyncio.to_thread(self._open)

    def close(self) -> None:
        """End the fork server and all workers."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._process is not None:
            try:
                self._process.wait(ENDS_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @asynccontextmanager
    async def worker(self, file: BinaryIO, *arguments: str) -> AsyncGenerator[Worker]:
        """A process for an open file; killed at the end if it still runs.

        Raises:
            InternalError: no fork server can be started.
            Overloaded: the system has no memory for another process, or enough processes.
        """
        async with AsyncExitStack() as stack:
            for _ in range(TRIES):
                if (started := await self._start(stack, file, arguments)) is not None:
                    break
                log.warning("media_fork_server_gone")
            else:
                raise InternalError("no process can be started for the file")
            try:
                yield started
            finally:
                await started.kill()

    async def _start(self, stack: AsyncExitStack, file: BinaryIO, arguments: tuple[str, ...]) -> Worker | None:
        """None where the fork server turned out to be gone."""
        stdout, audio = await self._pipe(stack)
        stderr, messages = await self._pipe(stack)
        ours, its = socket.socketpair()
        with os.fdopen(audio, "wb"), os.fdopen(messages, "wb"), its:
            status = await asyncio.open_connection(sock=ours)
            stack.callback(status[1].close)
            # One at a time: each message has been read before the next is sent.
            async with self._starting:
                if self._server is None:
                    try:
                        await asyncio.to_thread(self._open)
                    except OSError as error:
                        raise Overloaded(FULL) from error
                assert self._server is not None
                descriptors = [file.fileno(), audio, messages, its.fileno()]
                try:
                    socket.send_fds(self._server, [json.dumps(arguments).encode()], descriptors)
                    its.close()  # if the fork server goes, this is the end of the socket
                    async with asyncio.timeout(STARTS_S):
                        pid = await _number(status[0])
                except (OSError, asyncio.IncompleteReadError):
                    await asyncio.to_thread(self.close)
                    return None
        if not pid:
            raise Overloaded(FULL)
        return Worker(pid, stdout, stderr, status)

    async def _pipe(self, stack: AsyncExitStack) -> tuple[asyncio.StreamReader, int]:
        """Something to read from, and where to write."""
        ours, its = os.pipe()
        reader = asyncio.StreamReader(limit=2 * PIECE)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(ours, "rb"))
        stack.callback(transport.close)
        return reader, its

    def _open(self) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with closing(its):
            # One thread: what is forked has no other, and decoders get no more processors than their limit.
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            command = (sys.executable, "-m", "deployments.media.fork_server", str(its.fileno()))
            self._process = subprocess.Popen(
                command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
            )
        self._server = ours


async def _number(status: asyncio.StreamReader) -> int:
    (number,) = NUMBER.unpack(await status.readexactly(NUMBER.size))
    return int(number)
