"""A lean HTTP/1.1 client for load: GET over connections that stay open, closed loop or at a fixed rate.

A comfortable client costs more per request than the server under test, and would measure itself.
"""

import asyncio
import selectors
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

GRACE_S = 10.0
"""Seconds that the last answers may take after the end of a run."""


@dataclass
class Answers:
    """What a run saw."""

    began: float
    """`time.monotonic` seconds."""
    wall_s: float = 0.0
    in_time: int = 0
    """Answers before the end of the run; ``latencies`` holds those under way then as well."""
    latencies: list[float] = field(default_factory=list)
    """Seconds per answer; from when the request was due, if it had a time."""
    sent_late: list[float] = field(default_factory=list)
    """Seconds that this client itself was late with a request although a connection was free."""
    statuses: Counter[int] = field(default_factory=lambda: Counter[int]())
    lost: int = 0
    """Requests without an answer: the connection broke, or the run was over."""


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop that wakes up within 0.1 ms of the time asked for: epoll and libuv round up to whole milliseconds,
    which is as long as the answers take. Good for some hundred connections."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


class HttpError(Exception):
    """The server answered with something that this client does not read."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time.

    Args:
        request: bytes of the request.
        answered: called with this connection and the status, or with 0 if the connection broke.
    """

    def __init__(self, request: bytes, answered: Callable[["Connection", int], None]) -> None:
        self._request = request
        self._answered = answered
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.due = 0.0
        self.busy = False

    def send(self, due: float) -> None:
        """Ask; ``due`` is the time from which the answer's latency counts."""
        self.due, self.busy = due, True
        if self._transport is None:
            self._done(0)
        else:
            self._transport.write(self._request)

    @property
    def open(self) -> bool:
        return self._transport is not None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.busy:
            self._done(0)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        found = parse(self._buffer)
        if found is not None:
            self._buffer = self._buffer[found[1] :]
            self._done(found[0])

    def _done(self, status: int) -> None:
        self.busy = False
        self._answered(self, status)


def parse(data: bytes) -> tuple[int, int] | None:
    """Status and length in bytes of the answer at the beginning of ``data``; None if it is not complete.

    Raises:
        HttpError: its length is not given; health checks have no need of chunks.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise HttpError("an answer without content-length")
    line_end = head.find(b"\r\n", at + 2)
    total = end + 4 + int(head[at + 17 : line_end if line_end >= 0 else end])
    return (int(head[9:12]), total) if len(data) >= total else None


class Load:
    """Open connections to one address; use with ``async with``, then `closed` and `open` as often as needed."""

    def __init__(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n"
        self._connections = [Connection(request.encode(), self._answered) for _ in range(connections)]
        self._free: deque[Connection] = deque()
        self._waiting: deque[float] = deque()
        self._answers = Answers(0.0)
        self._again = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for connection in self._connections:
            await loop.create_connection(lambda one=connection: one, self._host, self._port)
        self._free.extend(self._connections)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    async def closed(self, seconds: float) -> Answers:
        """Every connection asks again as soon as it has its answer: what the server can do at most."""
        answers = self._answers = Answers(time.monotonic())
        self._again = True
        while self._free:
            self._free.popleft().send(time.monotonic())
        await asyncio.sleep(seconds)
        self._again = False
        await self._finish()
        return answers

    async def open(self, rate: float, seconds: float) -> Answers:
        """``rate`` requests a second, whatever becomes of them. One that finds no free connection waits for it, and its
        wait counts: nothing is left out because the server was slow."""
        answers = self._answers = Answers(time.monotonic())
        for number in range(round(rate * seconds)):
            due = answers.began + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._free:
                answers.sent_late.append(max(0.0, time.monotonic() - due))
                self._free.popleft().send(due)
            else:
                self._waiting.append(due)
        await self._finish()
        return answers

    async def _finish(self) -> None:
        """End the run, then give the answers under way some time; a connection that has none by then is given up."""
        answers = self._answers
        answers.wall_s, answers.in_time = time.monotonic() - answers.began, len(answers.latencies)
        deadline = time.monotonic() + GRACE_S
        while (self._waiting or any(one.busy for one in self._connections)) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
            if not any(one.open for one in self._connections):
                break
        answers.lost += len(self._waiting)
        self._waiting.clear()
        for connection in self._connections:
            if connection.busy:
                connection.close()
        await asyncio.sleep(0)  # `connection_lost` counts them

    def _answered(self, connection: Connection, status: int) -> None:
        now = time.monotonic()
        if not status:
            self._answers.lost += 1  # and its connection asks no more
            return
        self._answers.latencies.append(now - connection.due)
        self._answers.statuses[status] += 1
        if self._again:
            connection.send(now)
        elif self._waiting:
            connection.send(self._waiting.popleft())
        else:
            self._free.append(connection)
