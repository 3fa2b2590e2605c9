import asyncio
from typing import Any

import pytest

from deployments.ingress import memory
from deployments.ingress.health import unready, watch
from deployments.ingress.metrics import Metrics
from deployments.ingress.stage_health import StageHealth
from izwi.errors import EngineFailed, StoreUnavailable
from tests.metrics import value


class Away:
    """Stages and a Redis that do not answer."""

    def __init__(self, away: bool = True) -> None:
        self.away = away
        self.looked = asyncio.Event()
        self.health = StageHealth(Metrics())

    async def capabilities(self) -> dict[str, Any]:
        if self.away:
            raise EngineFailed("asr is away")
        return {}

    async def ping(self) -> None:
        if self.away:
            raise StoreUnavailable("no answer")

    async def depth(self) -> int:
        self.looked.set()
        if self.away:
            raise StoreUnavailable("no answer")
        return 7


@pytest.fixture(autouse=True)
def _enough_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "percent", lambda: 50.0)


async def test_it_says_what_is_missing() -> None:
    assert await unready(Away(), Away()) == {"models": "asr is away", "redis": "no answer"}  # type: ignore[arg-type]
    assert await unready(Away(False), Away(False)) == {}  # type: ignore[arg-type]


async def test_a_full_memory_keeps_sessions_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "percent", lambda: 93.0)
    assert set(await unready(Away(False), Away(False))) == {"memory"}  # type: ignore[arg-type]


@pytest.mark.parametrize(("away", "ready", "jobs"), [(True, 0, 0), (False, 1, 7)])
async def test_operators_see_it(away: bool, ready: int, jobs: int) -> None:
    metrics, side = Metrics(), Away(away)
    watching = asyncio.create_task(watch(metrics, side, side, side))  # type: ignore[arg-type]
    await side.looked.wait()
    await asyncio.sleep(0)
    watching.cancel()
    text = metrics.exposition().decode()
    assert value(text, "izwi_ready") == ready
    assert [value(text, "izwi_unready", reason=reason) for reason in ("models", "redis", "memory")] == [away, away, 0]
    assert value(text, "izwi_jobs_waiting") == jobs
