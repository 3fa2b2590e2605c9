"""Clients that send the heaviest frames there are, and read nothing, cost a bounded amount of memory."""

import asyncio
import json

import numpy as np
import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import Server
from tests.replicas import replicas

CLIENTS = 4
FRAMES = 80
"""Of nearly a megabyte each: 80 MB a client, 13 s of audio."""
LIMIT_BYTES = 50_000_000
HEAVY = {"encoding": "pcm_f32le", "sample_rate": 192_000, "channels": 8}


def server_memory() -> int:
    proxies = [p for p in psutil.Process().children(recursive=True) if p.name().startswith("ray::ProxyActor")]
    return sum(process.memory_info().rss for process in (*replicas("ingress"), *proxies))


async def send_heavily(server: Server) -> None:
    frame = np.random.default_rng(0).normal(0, 0.2, 8 * 31_000).astype(np.float32).tobytes()
    async with connect(server.ws, proxy=None, max_queue=1) as socket:
        await socket.send(json.dumps({"type": "session.start", "data": {"source_language": "en", "audio": HEAVY}}))
        try:
            for _ in range(FRAMES):
                await socket.send(frame)
            await asyncio.sleep(3)
        except ConnectionClosed:
            return


async def test_memory_of_heavy_clients_is_bounded(server: Server) -> None:
    before = peak = server_memory()
    assert before > 0
    clients = [asyncio.create_task(send_heavily(server)) for _ in range(CLIENTS)]
    while not all(client.done() for client in clients):
        peak = max(peak, server_memory())
        await asyncio.sleep(0.1)
    await asyncio.gather(*clients)
    assert (peak - before) / CLIENTS < LIMIT_BYTES
