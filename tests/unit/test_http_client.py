"""The lean HTTP client against a scripted server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.http_client import HttpError, Load, parse, precise_loop

OK = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 2\r\n\r\nok"


@given(st.binary(max_size=99), st.integers(100, 599), st.data())
def test_an_answer_is_read_once_it_is_complete(body: bytes, status: int, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([b"content-length", b"Content-Length"]))
    whole = b"HTTP/1.1 %d X\r\nServer: y\r\n%s: %d\r\nX-A: b\r\n\r\n%s" % (status, name, len(body), body)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert parse(whole[:cut]) is None
    assert parse(whole + b"HTTP/1.1") == (status, len(whole))


def test_an_answer_of_unknown_length_is_refused() -> None:
    with pytest.raises(HttpError):
        parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


@asynccontextmanager
async def serving(delay_s: float = 0.0, answers: int = 1 << 30) -> AsyncIterator[str]:
    """Answers each request after ``delay_s``, one at a time; hangs up after so many ``answers`` on a connection."""
    turn = asyncio.Lock()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers):
            try:
                await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            async with turn:
                await asyncio.sleep(delay_s)
            writer.write(OK[:20])
            await asyncio.sleep(0)
            writer.write(OK[20:])
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/healthz"
        await asyncio.sleep(0.01)  # the client has hung up: let its talks end


async def test_a_closed_loop_asks_as_fast_as_it_is_answered() -> None:
    async with serving(delay_s=0.01) as url, Load(url, 4) as load:
        answers = await load.closed(0.3)
    assert sum(answers.latencies) > 0.99 * 4 * answers.wall_s, "no connection ever rests"
    assert len(answers.latencies) == answers.in_time + 4  # under way at the end
    assert answers.statuses == {200: len(answers.latencies)}
    assert answers.lost == 0
    assert min(answers.latencies) > 0.005


async def test_waiting_for_a_slow_server_counts() -> None:
    async with serving(delay_s=0.02) as url, Load(url, 2) as load:
        answers = await load.open(rate=100, seconds=0.3)  # twice what the server can do
    assert len(answers.latencies) == 30
    assert answers.latencies[-1] > 0.2
    assert sorted(answers.latencies)[0] >= 0.015


async def test_a_fast_server_is_asked_at_the_rate() -> None:
    async with serving() as url, Load(url, 3) as load:
        closed = await load.closed(0.05)
        answers = await load.open(rate=100, seconds=0.3)
    assert len(closed.latencies) >= 3
    assert len(answers.latencies) == 30
    assert 1 <= len(answers.sent_late) <= 30  # on a busy machine some wait for a connection
    assert answers.wall_s > 0.28
    assert min(answers.sent_late) >= 0


async def test_broken_connections_are_lost_requests() -> None:
    async with serving(answers=2) as url, Load(url, 3) as load:
        answers = await load.open(rate=100, seconds=0.2)
    assert len(answers.latencies) == 6
    assert answers.lost == 14


def test_the_loop_wakes_up_in_time() -> None:
    async def lateness() -> list[float]:
        loop, late = asyncio.get_running_loop(), []
        for _ in range(20):
            due = loop.time() + 0.0023
            await asyncio.sleep(0.0023)
            late.append(loop.time() - due)
        return late

    with asyncio.Runner(loop_factory=precise_loop) as runner:
        assert min(runner.run(lateness())) < 0.0007  # others may hold up some of them
