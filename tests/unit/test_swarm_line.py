"""A load test's connections, and for how long there was none."""

import asyncio
import time

from websockets.asyncio.server import ServerConnection, serve

from loadtests.swarm.line import Line


async def test_an_attempt_that_is_refused_does_not_shorten_a_loss() -> None:
    refusing = False

    async def answer(socket: ServerConnection) -> None:
        if not refusing:
            await socket.wait_closed()

    async with serve(answer, "127.0.0.1", 0) as server:
        line = Line(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", None)
        await line.connect()
        assert line.resumed(time.monotonic()) is None
        refusing = True
        line.cut()
        while (lost_at := line._lost_at) is None:
            await asyncio.sleep(0)
        for _ in range(2):
            await (await line.connect()).wait_closed()
        refusing = False
        await line.connect()
        now = time.monotonic()
        assert line.resumed(now) == now - lost_at
        assert line.resumed(now) is None
