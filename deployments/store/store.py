"""Session state in Redis: one hash per session with a TTL, and an index of the live ones.

Raw audio and texts are not stored here; a session's entry says what it is and how far it has come.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSilent

from izwi.errors import StoreUnavailable

PREFIX = "izwi:"
ACTIVE = f"{PREFIX}sessions"
"""Sorted set of live session ids, scored by the wall-clock second at which they count as gone."""
LIMIT_S = 2.0
"""For the address and for an answer, each. Not redis-py's own limit on a socket: that goes by `asyncio.wait_for`, which
in Python 3.11 loses a cancellation that comes in the moment of success, and a session that lost it would never end."""

T = TypeVar("T")


class SessionStore:
    """Reads and writes session entries; every failure of Redis is a `StoreUnavailable`.

    Args:
        resolve: the address of Redis. Asked at the first use, and again when the server there is gone: an embedded
            one has another address after its replica was replaced. What it raises passes through.
        ttl_s: how long an entry stays after its last change.
    """

    def __init__(self, resolve: Callable[[], Awaitable[str]], ttl_s: int) -> None:
        self._resolve = resolve
        self._ttl_s = ttl_s
        self._redis: Redis | None = None
        self._connecting = asyncio.Lock()

    async def ping(self) -> None:
        await self._run(lambda redis: redis.ping())

    async def save(self, session_id: str, fields: Mapping[str, str | int | float]) -> None:
        """Set fields of a session's entry and renew its TTL, atomically."""
        key = f"{PREFIX}session:{session_id}"

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, mapping=dict(fields))
                pipe.expire(key, self._ttl_s)
                pipe.zadd(ACTIVE, {session_id: time.time() + self._ttl_s})
                await pipe.execute()

        await self._run(write)

    async def end(self, session_id: str) -> None:
        """The session is over: it leaves the index; its entry stays until its TTL runs out."""
        await self._run(lambda redis: redis.zrem(ACTIVE, session_id))

    async def load(self, session_id: str) -> dict[str, str]:
        """A session's entry, empty if unknown or expired."""
        return await self._run(lambda redis: redis.hgetall(f"{PREFIX}session:{session_id}"))

    async def active(self) -> list[str]:
        """Ids of live sessions; entries whose owner died are dropped once their time is up."""

        async def read(redis: Redis) -> list[str]:
            await redis.zremrangebyscore(ACTIVE, "-inf", time.time())
            return await redis.zrange(ACTIVE, 0, -1)

        return await self._run(read)

    async def close(self) -> None:
        if self._redis is not None:
            await self._forget(self._redis)

    async def _run(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        try:
            redis = await self._connected()
            try:
                return await _timely(work(redis))
            except (RedisGone, RedisSilent, TimeoutError):
                await self._forget(redis)
                return await _timely(work(await self._connected()))
        except (RedisError, TimeoutError) as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def _connected(self) -> Redis:
        async with self._connecting:
            if self._redis is None:
                async with asyncio.timeout(LIMIT_S):
                    url = await self._resolve()
                self._redis = Redis.from_url(
                    url,
                    decode_responses=True,
                    socket_timeout=None,
                    socket_connect_timeout=LIMIT_S,
                    retry=Retry(NoBackoff(), 0),  # redis-py's own retries would ask the same address for seconds
                )
            return self._redis

    async def _forget(self, redis: Redis) -> None:
        if self._redis is redis:  # another call may have connected anew already
            self._redis = None
        await redis.aclose()


async def _timely(work: Awaitable[T]) -> T:
    async with asyncio.timeout(LIMIT_S):
        return await work
