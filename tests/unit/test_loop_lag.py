"""A loop that is blocked is seen by the looks at it, whichever way requests block it."""

import asyncio
import time

import pytest

from deployments.ingress import loop_lag
from deployments.ingress.metrics import Metrics
from tests.looks import Looks

REQUESTS = 6


async def looks(*, blocks_s: float, pause_s: float) -> Looks:
    metrics = Metrics()
    watching = asyncio.create_task(loop_lag.watch(metrics.loop_lag))
    await asyncio.sleep(0.01)
    for _ in range(REQUESTS):
        time.sleep(blocks_s)
        await asyncio.sleep(pause_s)
    await asyncio.sleep(2 * loop_lag.EVERY_S)
    watching.cancel()
    return Looks.read(metrics.exposition().decode())


@pytest.mark.parametrize(("blocks_s", "pause_s"), [(0.11, 0.06), (0.2, 0.06), (0.5, 0.0), (1.0, 0.02)])
async def test_requests_that_block_the_loop_are_seen(blocks_s: float, pause_s: float) -> None:
    assert (await looks(blocks_s=blocks_s, pause_s=pause_s)).held_up(REQUESTS)


@pytest.mark.parametrize(
    ("seen", "held_up"),
    [
        (Looks(600, 0, 0), False),
        (Looks(600, 5, 0), False),
        (Looks(600, 6, 0), True),
        (Looks(600, 1, 1), True),
    ],
)
def test_a_few_late_looks_are_other_peoples(seen: Looks, held_up: bool) -> None:
    assert seen.held_up(REQUESTS) is held_up


def test_looks_are_counted_from_a_moment_on() -> None:
    assert Looks(900, 9, 1).since(Looks(300, 7, 1)) == Looks(600, 2, 0)
