"""How late the event loop gets round to things: whatever works on it too long delays every session of the replica."""

import asyncio
from pathlib import Path
from typing import NoReturn

from prometheus_client import Histogram

EVERY_S = 0.05
"""Between two looks: whatever blocks the loop as long as that is seen."""
SCHEDSTAT = Path("/proc/thread-self/schedstat")


def queued_s() -> float:
    """Seconds that this thread has been ready to run so far while others had the processors; 0 where the system does
    not say. From Linux' scheduler statistics (sched-stats.rst; the second field, in nanoseconds)."""
    try:
        return int(SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


async def watch(lag: Histogram, held: Histogram) -> NoReturn:
    """Note again and again by how many seconds a timer was late, for ever.

    ``lag`` gets all of it, which is what speakers notice. ``held`` leaves out the time in which the loop waited for a
    processor: what remains, the replica did itself.
    """
    loop, queued = asyncio.get_running_loop(), queued_s()
    while True:
        due, before = loop.time() + EVERY_S, queued
        await asyncio.sleep(EVERY_S)
        late, queued = max(0.0, loop.time() - due), queued_s()
        lag.observe(late)
        held.observe(max(0.0, late - (queued - before)))
