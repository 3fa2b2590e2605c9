"""Who speaks now, over all replicas: places in a Redis that die with their session.

    izwi:{live}          sorted set of session ids, by the second at which they count as gone
    izwi:{live}:NAME     the same for the sessions of one key

A place is a lease: a replica that dies leaves its places to run out, so that nothing has to be counted down. The braces
keep both sets on one node of a cluster.
"""

import time
from collections.abc import Callable

from deployments.store.link import RedisLink
from izwi.errors import Overloaded, RateLimited
from izwi.keys import Principal

ALL = "izwi:{live}"
LEASE_S = 12
"""A session renews its place every 5 s; one that missed two of those is gone. A client that was cut off finds its place
within that time."""

_ENTER = """
for i = 1, 2 do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[1]) end
local here = redis.call('ZSCORE', KEYS[1], ARGV[3])
if not here and ARGV[4] ~= '' and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 'all' end
if not here and ARGV[5] ~= '' and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then return 'key' end
for i = 1, 2 do
  redis.call('ZADD', KEYS[i], ARGV[2], ARGV[3])
  redis.call('EXPIRE', KEYS[i], ARGV[6])
end
return 'ok'
"""
_LEAVE = "for i = 1, 2 do redis.call('ZREM', KEYS[i], ARGV[1]) end"


class Places:
    """Counts live sessions; every failure of Redis is a `StoreUnavailable`.

    Args:
        limit: sessions at once over all replicas, None for any number.
        clock: wall-clock seconds, the same on all machines.
    """

    def __init__(self, link: RedisLink, limit: int | None, clock: Callable[[], float] = time.time) -> None:
        self._link = link
        self._limit = limit
        self._clock = clock

    async def enter(self, session_id: str, owner: Principal) -> None:
        """Take a place.

        Raises:
            Overloaded: all are taken.
            RateLimited: this key has as many sessions as it may.
        """
        match await self._set(session_id, owner, self._limit, owner.sessions):
            case "all":
                raise Overloaded("all sessions of this cluster are taken")
            case "key":
                raise RateLimited(f"this key has its {owner.sessions} sessions already")
            case _:
                pass

    async def renew(self, session_id: str, owner: Principal) -> None:
        """Keep a place, or have it again: a session that runs is never turned out."""
        await self._set(session_id, owner, None, None)

    async def leave(self, session_id: str, owner: Principal) -> None:
        """Give it up."""
        await self._link.run(lambda redis: redis.eval(_LEAVE, 2, *_keys(owner), session_id))

    async def _set(self, session_id: str, owner: Principal, most: int | None, of_key: int | None) -> str:
        now = self._clock()
        limits = ["" if limit is None else limit for limit in (most, of_key)]
        arguments = [now, now + LEASE_S, session_id, *limits, 2 * LEASE_S]
        return await self._link.run(lambda redis: redis.eval(_ENTER, 2, *_keys(owner), *arguments))


def _keys(owner: Principal) -> tuple[str, str]:
    return ALL, f"{ALL}:{owner.name or '-'}"  # no key may be called that
