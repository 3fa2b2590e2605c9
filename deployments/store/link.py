"""The way to Redis: found at the first use, found anew when the server there is gone, never waited for long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSilent

from izwi.errors import StoreUnavailable

LIMIT_S = 2.0
"""For the address and for an answer, each. Not redis-py's own limit on a socket: that goes by `asyncio.wait_for`, which
in Python 3.11 loses a cancellation that comes in the moment of success, and a session that lost it would never end."""

T = TypeVar("T")


class RedisLink:
    """Runs commands; every failure of Redis is a `StoreUnavailable`.

    Args:
        resolve: the address of Redis. Asked at the first use, and again when the server there is gone: an embedded
            one has another address after its replica was replaced. What it raises passes through.
    """

    def __init__(self, resolve: Callable[[], Awaitable[str]]) -> None:
        self._resolve = resolve
        self._redis: Redis | None = None
        self._connecting = asyncio.Lock()

    async def run(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of ``work``, which may be done twice: it has to be idempotent."""
        try:
            redis = await _timely(self._connected())
            try:
                return await _timely(work(redis))
            except (RedisGone, RedisSilent, TimeoutError):
                await self._forget(redis)
                return await _timely(work(await _timely(self._connected())))
        except (RedisError, TimeoutError) as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def close(self) -> None:
        if self._redis is not None:
            await self._forget(self._redis)

    async def _connected(self) -> Redis:
        async with self._connecting:
            if self._redis is None:
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
