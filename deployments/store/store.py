"""Session state in Redis: one hash per session with a TTL, and an index of the live ones.

Raw audio and texts are not stored here; a session's entry says what it is and how far it has come.
"""

import time
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from izwi.errors import StoreUnavailable

PREFIX = "izwi:"
ACTIVE = f"{PREFIX}sessions"
"""Sorted set of live session ids, scored by the wall-clock second at which they count as gone."""


class SessionStore:
    """Reads and writes session entries; every failure of Redis is a `StoreUnavailable`."""

    def __init__(self, url: str, ttl_s: int) -> None:
        self._redis = Redis.from_url(url, decode_responses=True, socket_timeout=2.0, socket_connect_timeout=2.0)
        self._ttl_s = ttl_s

    async def ping(self) -> None:
        try:
            await self._redis.ping()
        except RedisError as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def save(self, session_id: str, fields: Mapping[str, str | int | float]) -> None:
        """Set fields of a session's entry and renew its TTL, atomically."""
        key = f"{PREFIX}session:{session_id}"
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, mapping=dict(fields))
                pipe.expire(key, self._ttl_s)
                pipe.zadd(ACTIVE, {session_id: time.time() + self._ttl_s})
                await pipe.execute()
        except RedisError as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def end(self, session_id: str) -> None:
        """The session is over: it leaves the index; its entry stays until its TTL runs out."""
        try:
            await self._redis.zrem(ACTIVE, session_id)
        except RedisError as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def load(self, session_id: str) -> dict[str, str]:
        """A session's entry, empty if unknown or expired."""
        try:
            return await self._redis.hgetall(f"{PREFIX}session:{session_id}")
        except RedisError as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def active(self) -> list[str]:
        """Ids of live sessions; entries whose owner died are dropped once their time is up."""
        try:
            await self._redis.zremrangebyscore(ACTIVE, "-inf", time.time())
            return await self._redis.zrange(ACTIVE, 0, -1)
        except RedisError as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def close(self) -> None:
        await self._redis.aclose()
