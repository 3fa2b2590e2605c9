"""A loop that is blocked is seen by the looks at it, whichever way requests block it; one that waits is told apart."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.ingress import loop_lag
from deployments.ingress.metrics import Metrics
from tests.clock import in_simulated_time
from tests.looks import Looks
from tests.metrics import value

REQUESTS = 4


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def scrape(block: Callable[[float], None], *, blocks_s: float, pause_s: float) -> str:
    metrics = Metrics()
    watching = asyncio.create_task(loop_lag.watch(metrics.loop_lag, metrics.loop_held))
    await asyncio.sleep(0.01)
    for _ in range(REQUESTS):
        block(blocks_s)
        await asyncio.sleep(pause_s)
    await asyncio.sleep(2 * loop_lag.EVERY_S)
    watching.cancel()
    return metrics.exposition().decode()


@pytest.mark.parametrize("block", [time.sleep, compute])
@pytest.mark.parametrize(("blocks_s", "pause_s"), [(0.11, 0.06), (0.2, 0.06), (0.5, 0.0)])
async def test_requests_that_block_the_loop_are_seen(
    block: Callable[[float], None], blocks_s: float, pause_s: float
) -> None:
    assert Looks.read(await scrape(block, blocks_s=blocks_s, pause_s=pause_s)).held


@in_simulated_time
async def test_waits_for_a_processor_are_lag_but_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, waited = asyncio.get_running_loop(), 0.0

    def others_compute(seconds: float) -> None:
        nonlocal waited
        loop._clock.now += seconds
        waited += seconds

    monkeypatch.setattr(loop_lag, "queued_s", lambda: waited)
    text = await scrape(others_compute, blocks_s=0.2, pause_s=0.06)
    assert Looks.read(text).held == 0
    assert value(text, "izwi_event_loop_lag_seconds_sum") == pytest.approx(
        REQUESTS * 0.2, abs=REQUESTS * loop_lag.EVERY_S
    )


def test_a_system_that_does_not_tell_of_waits_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loop_lag, "SCHEDSTAT", tmp_path / "missing")
    assert loop_lag.queued_s() == 0


def test_looks_are_counted_from_a_moment_on() -> None:
    assert Looks(900, 3).since(Looks(300, 1)) == Looks(600, 2)
