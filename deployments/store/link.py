"""The way to Redis: found at the first use, found anew when the server there is gone, never waited for long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisClusterException, RedisError
from redis.exceptions import TimeoutError as RedisSilent

from izwi.errors import StoreUnavailable

LIMIT_S = 2.0
"""For the address and for an answer, each. Not redis-py's own limit on a socket: that goes by `asyncio.wait_for`, which
in Python 3.11 loses a cancellation that comes in the moment of success, and a session that lost it would never end."""

PORT = 6379
"""Redis' own."""

T = TypeVar("T")


@dataclass(frozen=True)
class RedisOptions:
    """What an address does not say."""

    password: str | None = None
    cluster: bool = False
    ca_file: Path | None = None

    def client(self, url: str) -> Redis:
        """Connects at its first command. Commands of one call must concern keys of one slot."""
        options: dict[str, Any] = {
            "decode_responses": True,
            "socket_timeout": None,
            "socket_connect_timeout": LIMIT_S,
            "retry": Retry(NoBackoff(), 0),  # redis-py's own retries would ask the same address for seconds
        }
        if self.password is not None:
            options["password"] = self.password
        if self.ca_file is not None and url.startswith("rediss://"):
            options["ssl_ca_certs"] = str(self.ca_file)
        if self.cluster:
            first, others = _nodes(url)
            # Any node knows the others, but the one that is asked first may be the one that has died.
            return cast("Redis", RedisCluster.from_url(first, startup_nodes=others, **options))
        return Redis.from_url(url, **options)


def _nodes(url: str) -> tuple[str, list[ClusterNode]]:
    """``redis://user@a:1,b:2/0`` as an address with its first node, and the others."""
    scheme, _, rest = url.partition("://")
    place, slash, database = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    first, *others = hosts.split(",")
    nodes = [urlsplit(f"//{one}") for one in others]
    return (
        f"{scheme}://{user}{at}{first}{slash}{database}",
        [ClusterNode(node.hostname or "", node.port or PORT) for node in nodes],
    )


class RedisLink:
    """Runs commands; every failure of Redis is a `StoreUnavailable`.

    Args:
        resolve: the address of Redis. Asked at the first use, and again when the server there is gone: an embedded
            one has another address after its replica was replaced. What it raises passes through.
        note: told how many seconds each command took, and whether it was answered.
    """

    def __init__(
        self,
        resolve: Callable[[], Awaitable[str]],
        options: RedisOptions = RedisOptions(),
        note: Callable[[float, bool], None] = lambda seconds, answered: None,
    ) -> None:
        self._resolve = resolve
        self._options = options
        self._note = note
        self._redis: Redis | None = None
        self._connecting = asyncio.Lock()

    async def run(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of ``work``, which may be done twice: it has to be idempotent."""
        began = time.perf_counter()
        try:
            result = await self._run(work)
        except StoreUnavailable:
            self._note(time.perf_counter() - began, False)
            raise
        self._note(time.perf_counter() - began, True)
        return result

    async def close(self) -> None:
        if self._redis is not None:
            await self._forget(self._redis)

    async def _run(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        try:
            redis = await _timely(self._connected())
            try:
                return await _timely(work(redis))
            except (RedisGone, RedisSilent, TimeoutError):
                if not self._options.cluster:
                    await self._forget(redis)
                # A cluster's client finds the new master itself; closing it would break off calls to the others.
                return await _timely(work(await _timely(self._connected())))
        except RedisClusterException as error:  # none of the nodes it knows is there any more
            await self.close()
            raise StoreUnavailable("Redis does not answer") from error
        except (RedisError, TimeoutError) as error:
            raise StoreUnavailable("Redis does not answer") from error

    async def _connected(self) -> Redis:
        async with self._connecting:
            if self._redis is None:
                url = await self._resolve()
                self._redis = self._options.client(url)
            return self._redis

    async def _forget(self, redis: Redis) -> None:
        if self._redis is redis:  # another call may have connected anew already
            self._redis = None
        await redis.aclose()


async def _timely(work: Awaitable[T]) -> T:
    async with asyncio.timeout(LIMIT_S):
        return await work
