"""Short-lived tokens that stand for a key: for browsers, to which no key may be given.

    izwi:token:HASH      the name of the key, for as long as the token is good

Only hashes are stored. A token is worth what its key is worth at the moment of use: withdrawing the key ends it.
"""

import secrets
from typing import cast

from deployments.store.link import RedisLink
from izwi.errors import Unauthorized
from izwi.keys import digest

PREFIX = "izwt_"


class Tokens:
    """Every failure of Redis is a `StoreUnavailable`."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def issue(self, name: str, ttl_s: int) -> str:
        """A new token for the key of that name."""
        token = PREFIX + secrets.token_urlsafe(32)
        await self._link.run(lambda redis: redis.set(_key(token), name, ex=ttl_s))
        return token

    async def owner(self, token: str) -> str:
        """Name of the key; raises `Unauthorized` where the token is not known or its time is over."""
        name = await self._link.run(lambda redis: redis.get(_key(token)))
        if name is None:
            raise Unauthorized("this token is not known, or its time is over")
        return cast("str", name)


def _key(token: str) -> str:
    return f"izwi:token:{digest(token)}"
