"""The metrics of several replicas over one Redis."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from deployments.ingress.fleet import Fleet
from deployments.ingress.metrics import Metrics
from deployments.store.embedded import EmbeddedRedis
from deployments.store.link import RedisLink
from deployments.store.scrapes import KEPT_S, Scrapes
from tests.clock import Clock
from tests.metrics import samples, value


@dataclass
class Replica:
    metrics: Metrics
    fleet: Fleet
    link: RedisLink

    async def tells(self) -> str:
        return (await self.fleet.exposition()).decode()


def replica(redis: EmbeddedRedis, name: str, clock: Clock) -> Replica:
    metrics = Metrics()

    async def resolve() -> str:
        return redis.url

    link = RedisLink(resolve, note=metrics.asked_redis)
    return Replica(metrics, Fleet(name, metrics, Scrapes(link, clock)), link)


@pytest.fixture
async def replicas(redis: EmbeddedRedis, clock: Clock) -> AsyncIterator[list[Replica]]:
    found = [replica(redis, name, clock) for name in "abc"]
    await found[0].link.run(lambda client: client.flushall())
    for number, one in enumerate(found, start=1):
        one.metrics.sessions.set(number)
        await one.fleet.publish_once()
    yield found
    for one in found:
        await one.link.close()


def sessions(text: str) -> list[float]:
    return [value(text, "izwi_live_sessions", replica=name) for name in "abc"]


async def test_whichever_is_asked_tells_of_all_and_itself_as_it_is_now(replicas: list[Replica]) -> None:
    replicas[1].metrics.sessions.set(20)
    assert sessions(await replicas[0].tells()) == [1, 2, 3]
    assert sessions(await replicas[1].tells()) == [1, 20, 3]
    await replicas[1].fleet.publish_once()
    text = await replicas[2].tells()
    assert sessions(text) == [1, 20, 3]
    assert value(text, "izwi_metrics_replicas") == 3
    assert value(text, "izwi_metrics_complete") == 1


async def test_it_tells_its_own_alone_where_that_is_asked_for(replicas: list[Replica]) -> None:
    text = (await replicas[0].fleet.exposition(others=False)).decode()
    assert {sample.labels["replica"] for sample in samples(text)} == {"a"}


async def test_a_replica_that_is_gone_is_forgotten(replicas: list[Replica], clock: Clock) -> None:
    clock.now += KEPT_S - 1
    await replicas[1].fleet.publish_once()
    clock.now += 2
    text = await replicas[0].tells()
    assert sessions(text) == [1, 2, 0]
    assert value(text, "izwi_metrics_replicas") == 2
    # Its exposition goes too, and with the last replica everything.
    keys = await replicas[0].link.run(lambda client: client.keys("izwi:{metrics}*"))
    assert len(keys) == 4
    for key in keys:
        assert 0 < await replicas[0].link.run(lambda client, key=key: client.ttl(key)) <= KEPT_S


async def test_without_redis_it_tells_its_own_and_says_so() -> None:
    gone = EmbeddedRedis()
    gone.stop()
    alone = replica(gone, "a", Clock())
    alone.metrics.sessions.set(1)
    await alone.fleet.publish_once()
    text = await alone.tells()
    assert sessions(text) == [1, 0, 0]
    assert value(text, "izwi_metrics_replicas") == 1
    assert value(text, "izwi_metrics_complete") == 0
    assert value(text, "izwi_redis_up") == 0
    assert value(text, "izwi_redis_errors_total") == 2
    assert value(text, "izwi_redis_seconds_count") == 2


async def test_redis_answers_are_timed(replicas: list[Replica]) -> None:
    await replicas[1].fleet.publish_once()
    text = await replicas[0].tells()
    assert value(text, "izwi_redis_up", replica="b") == 1
    assert value(text, "izwi_redis_seconds_count", replica="b") == 1
    assert value(text, "izwi_redis_errors_total") == 0
