"""A client that floods and never reads costs a bounded amount of memory."""

import asyncio
import json

import numpy as np
from websockets.asyncio.client import connect

from tests.e2e.conftest import MAX_AUDIO_SECONDS, Server
from tests.replicas import replicas

CLIENTS = 4
LIMIT_BYTES = 50_000_000


def ingress_memory() -> int:
    return sum(process.memory_info().rss for process in replicas("ingress"))


async def flood(server: Server) -> None:
    """A minute of loud noise as fast as the socket takes it, no answer read."""
    noise = np.random.default_rng(0).normal(0, 8000, 16_000).astype(np.int16).tobytes()
    async with connect(server.ws, proxy=None, max_queue=1) as socket:
        await socket.send(json.dumps({"type": "session.start", "data": {"source_language": "en"}}))
        for _ in range(MAX_AUDIO_SECONDS - 1):
            await socket.send(noise)
        await asyncio.sleep(3)


async def test_memory_of_a_flooding_client_is_bounded(server: Server) -> None:
    before = ingress_memory()
    assert before > 0
    peak = before
    clients = [asyncio.create_task(flood(server)) for _ in range(CLIENTS)]
    while not all(client.done() for client in clients):
        peak = max(peak, ingress_memory())
        await asyncio.sleep(0.2)
    await asyncio.gather(*clients)
    assert (peak - before) / CLIENTS < LIMIT_BYTES
