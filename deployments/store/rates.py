"""How much one key asks for, over all replicas: a count per key and minute."""

import secrets
import time
from collections.abc import Callable

from deployments.store.link import RedisLink
from izwi.errors import RateLimited
from izwi.keys import Principal

WINDOW_S = 60

_COUNT = """
redis.call('SADD', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return redis.call('SCARD', KEYS[1])
"""
"""A set, because the same request may be counted twice where an answer was lost."""


class Rates:
    """Every failure of Redis is a `StoreUnavailable`.

    Args:
        clock: wall-clock seconds, the same on all machines.
    """

    def __init__(self, link: RedisLink, clock: Callable[[], float] = time.time) -> None:
        self._link = link
        self._clock = clock

    async def count(self, owner: Principal) -> None:
        """One request more. Raise `RateLimited` where the minute's share is used up.

        Minutes are fixed, so that around their border twice the share may pass: what is bounded is the load over time.
        """
        if owner.requests_per_minute is None:
            return
        request = secrets.token_hex(8)
        key = f"izwi:rate:{owner.name}:{int(self._clock() // WINDOW_S)}"

        if (
            await self._link.run(lambda redis: redis.eval(_COUNT, 1, key, 2 * WINDOW_S, request))
            > owner.requests_per_minute
        ):
            raise RateLimited(f"this key may make {owner.requests_per_minute} requests a minute")
