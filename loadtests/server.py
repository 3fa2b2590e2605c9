"""The server under test: a private one that ends with the test, or one that runs already."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from izwi.server_process import running_server
from loadtests.process import going_first
from loadtests.sampling import Reading, Spent, read, spent

STEP_S = 3.0
STEADY_STEPS = 3
"""A server has settled when its CPU was about the same in so many steps: models warm up one after the other."""
STEADY = 1.25
"""The most that counts as the same."""
SETTLE_LIMIT_S = 60.0
"""At most; where others keep the machine busy, readings fall and rise for their own reasons."""


@dataclass(frozen=True)
class Server:
    url: str
    """``http://HOST:PORT``."""
    root: psutil.Process | None
    """The process above all of the server's, Ray's included; None where it is not known."""

    @property
    def socket(self) -> str:
        """``ws://HOST:PORT``."""
        return self.url.replace("http", "ws", 1)

    def processes(self) -> list[psutil.Process]:
        """All that live now; none where the root is not known."""
        if self.root is None:
            return []
        try:
            return [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def read(self) -> Reading:
        """All meters now; this process is the only client."""
        return read(self.processes(), [psutil.Process()])

    async def read_aside(self) -> Reading:
        """The same in a thread: on a busy machine it takes a third of a second, and speakers may not be late."""
        return await asyncio.to_thread(self.read)

    async def watch(self, seconds: float) -> Spent:
        """What is used in the next ``seconds``."""
        before = await self.read_aside()
        await asyncio.sleep(seconds)
        return spent(before, await self.read_aside())

    async def settle(self) -> None:
        """Wait until a server that has just become ready has ended its start."""
        steps: list[float] = []
        while len(steps) < SETTLE_LIMIT_S / STEP_S:
            steps.append((await self.watch(STEP_S)).server_total)
            last = steps[-STEADY_STEPS:]
            if len(last) == STEADY_STEPS and max(last) <= STEADY * min(last):
                return


@contextmanager
def serving(
    url: str | None, pid: int | None, log: Path, tell: Callable[[str], None], arguments: Sequence[str] = ()
) -> Generator[Server]:
    """The server at ``url``, whose root process is ``pid`` if that is known, or a private one with these ``arguments``.

    Raises:
        izwi.errors.NotReady: the private one did not start.
    """
    if url is not None:
        base = url.rstrip("/").replace("ws", "http", 1) if url.startswith("ws") else url.rstrip("/")
        with going_first():
            yield Server(base, psutil.Process(pid) if pid is not None else None)
        return
    with running_server(log, tell, arguments) as base:
        server = Server(base, _launcher())
        with going_first():
            yield server


def _launcher() -> psutil.Process | None:
    """The one this process started last."""
    found = [child for child in psutil.Process().children() if "graphs.launch" in child.cmdline()]
    return max(found, key=lambda child: child.create_time(), default=None)
