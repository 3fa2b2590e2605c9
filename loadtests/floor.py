"""What a stream costs a server that only reads it: uvicorn and a loop, no proxy, no session, no detector.

python -m loadtests.floor --streams 1
"""

import asyncio
import os
import subprocess
import sys
import time
from typing import Annotated, Any

import psutil
import typer
import uvicorn
from tenacity import retry, stop_after_delay, wait_fixed
from websockets.asyncio.client import ClientConnection, connect

from izwi.server_process import free_port

FRAME = 3200
"""Bytes of 100 ms of audio."""
FRAME_S = 0.1


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accepts WebSockets and throws away what comes."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.1), reraise=True)
async def _open(port: int) -> ClientConnection:
    return await connect(f"ws://127.0.0.1:{port}/", compression=None, proxy=None)


async def _measure(port: int, process: psutil.Process, streams: int, seconds: float) -> float:
    sockets = [await _open(port) for _ in range(streams)]
    before, began = sum(process.cpu_times()[:2]), time.monotonic()

    async def speak(number: int) -> None:
        await asyncio.sleep(FRAME_S * number / streams)
        for count in range(round(seconds / FRAME_S)):
            await sockets[number].send(os.urandom(FRAME))
            await asyncio.sleep(max(0.0, began + FRAME_S * (count + 1 + number / streams) - time.monotonic()))

    await asyncio.gather(*(speak(number) for number in range(streams)))
    spent = sum(process.cpu_times()[:2]) - before
    for socket in sockets:
        await socket.close()
    return 100 * spent / (time.monotonic() - began)


def main(
    streams: Annotated[int, typer.Option(help="At once.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="Of audio.", min=1)] = 30.0,
    port: Annotated[int | None, typer.Option(help="Serve on this port, for the process that is measured.")] = None,
) -> None:
    """Percent of a core per stream of a server that does nothing with it.

    Example: python -m loadtests.floor --streams 8
    """
    if port is not None:
        uvicorn.run(app, port=port, log_level="error", ws_per_message_deflate=False)
        return
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "loadtests.floor", "--port", str(port)]) as server:
        try:
            percent = asyncio.run(_measure(port, psutil.Process(server.pid), streams, seconds))
        finally:
            server.terminate()
    typer.echo(f"{streams} streams, {seconds:.0f} s: {percent / streams:.2f} % of a core per stream")


if __name__ == "__main__":
    typer.run(main)
