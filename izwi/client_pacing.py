"""Sending at the pace of speech."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from izwi.audio import SAMPLE_RATE
from izwi.pacing import rechunk
from izwi.stages import Samples


class Listener(Protocol):
    """A `Session`, as far as it is spoken to."""

    async def send(self, samples: Samples) -> None: ...


async def stream_paced(session: Listener, chunks: Iterable[Samples], chunk_ms: int = 100, speed: float = 1.0) -> None:
    """Send audio as a microphone would: each chunk leaves once it has been spoken.

    Times are scheduled from the start, so that late sends are caught up and nothing drifts.

    Args:
        session: an entered session.
        chunks: pieces of any length; they are cut anew into ``chunk_ms``.
        speed: 2 is twice real time; 0 sends as fast as the credit allows.
    """
    loop = asyncio.get_running_loop()
    start, spoken = loop.time(), 0
    for chunk in rechunk(chunks, chunk_ms * SAMPLE_RATE // 1000):
        spoken += len(chunk)
        if speed > 0:
            await asyncio.sleep(max(0.0, start + spoken / SAMPLE_RATE / speed - loop.time()))
        await session.send(chunk)
