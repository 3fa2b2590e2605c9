"""The metrics of every replica as they were a moment ago, for the one that is asked for all of them.

    izwi:{metrics}           sorted set of replicas, by the second at which they count as gone
    izwi:{metrics}:REPLICA   its exposition, compressed

The braces keep them on one node of a cluster.
"""

import base64
import time
import zlib
from collections.abc import Callable

from deployments.store.link import RedisLink

INDEX = "izwi:{metrics}"
KEPT_S = 15
"""Three times as long as a replica takes to write it anew: one that missed two of those is gone."""

_PUT = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[5], 'EX', ARGV[4])
"""


class Scrapes:
    """Every failure of Redis is a `StoreUnavailable`.

    Args:
        clock: wall-clock seconds, the same on all machines.
    """

    def __init__(self, link: RedisLink, clock: Callable[[], float] = time.time) -> None:
        self._link = link
        self._clock = clock

    async def put(self, replica: str, exposition: bytes) -> None:
        """In the place of its last one."""
        now = self._clock()
        # Metrics are text that repeats itself: a tenth is left. Base64, because our clients decode every answer.
        packed = base64.b64encode(zlib.compress(exposition, 1))
        arguments = (now, now + KEPT_S, replica, KEPT_S, packed)
        await self._link.run(lambda redis: redis.eval(_PUT, 2, INDEX, _key(replica), *arguments))

    async def others(self, replica: str) -> dict[str, bytes]:
        """By replica, those of all but this one."""
        names = [
            name
            for name in await self._link.run(lambda redis: redis.zrangebyscore(INDEX, self._clock(), "+inf"))
            if name != replica
        ]
        if not names:
            return {}
        found = await self._link.run(lambda redis: redis.mget([_key(name) for name in names]))
        return {
            name: zlib.decompress(base64.b64decode(packed))
            for name, packed in zip(names, found, strict=True)
            if packed is not None
        }


def _key(replica: str) -> str:
    return f"{INDEX}:{replica}"
