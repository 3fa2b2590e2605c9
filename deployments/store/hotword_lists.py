"""Named lists of hotwords, kept until they are deleted; each key has its own.

izwi:hotwords:OWNER    hash: list name to a JSON array of hotwords
"""

import json
from collections.abc import Iterable, Sequence
from typing import cast

from deployments.store.link import RedisLink
from izwi.errors import HotwordListMissing, TooManyHotwords
from izwi.keys import Principal
from izwi.messages.hotwords import MOST_HOTWORDS

MOST_LISTS = 100
"""Of one key: about 3 MB at most."""

_PUT = """
local new = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
if new and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 'ok'
"""


class HotwordLists:
    """Every failure of Redis is a `StoreUnavailable`."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def put(self, owner: Principal, name: str, hotwords: Sequence[str]) -> None:
        """Store a list, in the place of one of that name.

        Raises:
            TooManyHotwords: this key has `MOST_LISTS` already.
        """
        text = json.dumps(list(hotwords), ensure_ascii=False)
        arguments = (name, text, MOST_LISTS)
        if await self._link.run(lambda redis: redis.eval(_PUT, 1, _key(owner), *arguments)) == "full":
            raise TooManyHotwords(f"there are {MOST_LISTS} lists; delete one")

    async def get(self, owner: Principal, name: str) -> list[str]:
        """Raise `HotwordListMissing` where there is none of that name."""
        text = await self._link.run(lambda redis: redis.hget(_key(owner), name))
        if text is None:
            raise HotwordListMissing(f"there is no list {name!r}")
        return json.loads(cast("str", text))

    async def delete(self, owner: Principal, name: str) -> None:
        """Make sure that there is none of that name."""
        await self._link.run(lambda redis: redis.hdel(_key(owner), name))

    async def all(self, owner: Principal) -> dict[str, list[str]]:
        """The lists of a key, by name."""
        found = await self._link.run(lambda redis: redis.hgetall(_key(owner)))
        return {name: json.loads(found[name]) for name in sorted(found)}

    async def gather(self, owner: Principal, hotwords: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
        """Hotwords and those of named lists, each once.

        Raises:
            HotwordListMissing: there is no such list.
            TooManyHotwords: more than `MOST_HOTWORDS` together.
        """
        gathered = dict.fromkeys(hotwords)
        for name in names:
            gathered |= dict.fromkeys(await self.get(owner, name))
        if len(gathered) > MOST_HOTWORDS:
            raise TooManyHotwords(f"{len(gathered)} hotwords together; {MOST_HOTWORDS} are accepted")
        return tuple(gathered)


def _key(owner: Principal) -> str:
    return f"izwi:hotwords:{owner.name or '-'}"  # no key may be called that
