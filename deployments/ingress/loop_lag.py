"""How late the event loop gets round to things: whatever works on it too long delays every session of the replica."""

import asyncio
from typing import NoReturn

from prometheus_client import Histogram

EVERY_S = 0.05
"""Between two looks: whatever blocks the loop as long as that is seen."""


async def watch(lag: Histogram) -> NoReturn:
    """Note again and again by how many seconds a timer was late, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        lag.observe(max(0.0, loop.time() - due))
