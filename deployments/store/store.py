"""Sessions in Redis: an entry and an event log for each, with one owner at a time, and an index of the live ones.

    izwi:{ID}          hash: secret, start, epoch (who owns it), claim (how it came to), seq (last event), checkpoint
    izwi:{ID}:events   stream: one entry per durable event, its id is SEQ-0

Whoever resumes a session raises its epoch, and what an earlier owner still writes is refused: two sockets never write
the same session. The braces keep both keys of a session on one node of a cluster. Audio is never stored.
"""

import secrets
from dataclasses import dataclass
from itertools import chain

from deployments.store.link import RedisLink
from izwi.errors import SessionGone, SessionTaken, StoreUnavailable

MOST_EVENTS = 2000
"""Events kept per session, about: an hour of speech. The checkpoint holds what older ones settled."""

_WRITE = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return 'gone' end
if tonumber(epoch) > tonumber(ARGV[1]) then return 'taken' end
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq'))
if tonumber(epoch) < tonumber(ARGV[1]) or tonumber(ARGV[3]) > seq + 1 then return 'gone' end
if tonumber(ARGV[3]) > seq then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], ARGV[3] .. '-0', 'event', ARGV[5])
  redis.call('HSET', KEYS[1], 'seq', ARGV[3])
end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'checkpoint', ARGV[6]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 'ok'
"""
_CREATE = """
if redis.call('HGET', KEYS[1], 'claim') == ARGV[2] then return end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'claim', ARGV[2], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
_TAKE = """
local secret = redis.call('HGET', KEYS[1], 'secret')
if not secret or secret ~= ARGV[1] then return false end
if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[3] then
  redis.call('HINCRBY', KEYS[1], 'epoch', 1)
  redis.call('HSET', KEYS[1], 'claim', ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return redis.call('HGETALL', KEYS[1])
"""


@dataclass(frozen=True)
class Entry:
    """What is stored of a session besides its events."""

    session_id: str
    secret: str
    """Hash of the token that resumes it."""
    start: str
    """JSON of what the client asked for."""
    epoch: int = 1
    seq: int = 0
    checkpoint: str = "{}"


class SessionStore:
    """Reads and writes sessions; every failure of Redis is a `StoreUnavailable`.

    Args:
        ttl_s: how long a session stays after its last change.
    """

    def __init__(self, link: RedisLink, ttl_s: int) -> None:
        self._link = link
        self._ttl_s = ttl_s

    async def ping(self) -> None:
        await self._link.run(lambda redis: redis.ping())

    async def create(self, entry: Entry) -> None:
        """Store a session without events, in the place of what may be there."""
        fields = {
            "secret": entry.secret,
            "start": entry.start,
            "epoch": entry.epoch,
            "seq": entry.seq,
            "checkpoint": entry.checkpoint,
        }
        keys, pairs = _keys(entry.session_id), chain.from_iterable(fields.items())
        arguments = [self._ttl_s, _claim(), *pairs]
        await self._link.run(lambda redis: redis.eval(_CREATE, 2, *keys, *arguments))

    async def append(self, session_id: str, epoch: int, seq: int, event: str, checkpoint: str = "") -> None:
        """Store an event, once however often it is asked for, and a checkpoint if there is one.

        Raises:
            SessionTaken: another owner has resumed it.
            SessionGone: it is not known any more, or only as it was some time ago.
        """
        keys = _keys(session_id)
        arguments = [epoch, self._ttl_s, seq, MOST_EVENTS, event, checkpoint]
        _judge(await self._link.run(lambda redis: redis.eval(_WRITE, 2, *keys, *arguments)))

    async def touch(self, session_id: str, epoch: int) -> None:
        """Renew the TTL; raises as `append` does."""
        keys = _keys(session_id)
        arguments = [epoch, self._ttl_s, 0, 0, "", ""]
        _judge(await self._link.run(lambda redis: redis.eval(_WRITE, 2, *keys, *arguments)))

    async def take(self, session_id: str, secret: str) -> Entry:
        """Become the owner of a session.

        Raises:
            SessionGone: it is not known, or not by that secret.
        """
        keys = _keys(session_id)
        arguments = [secret, self._ttl_s, _claim()]
        found = await self._link.run(lambda redis: redis.eval(_TAKE, 2, *keys, *arguments))
        if not found:
            raise SessionGone("no such session, or not with this token")
        fields = dict(zip(found[::2], found[1::2], strict=True))
        return Entry(
            session_id, secret, fields["start"], int(fields["epoch"]), int(fields["seq"]), fields["checkpoint"]
        )

    async def events(self, session_id: str, after: int) -> list[tuple[int, str]]:
        """The stored events with a number above ``after``, as JSON, in order."""
        _, key = _keys(session_id)
        found = await self._link.run(lambda redis: redis.xrange(key, min=f"{after + 1}-0"))
        return [(int(number.partition("-")[0]), fields["event"]) for number, fields in found]

    async def close(self) -> None:
        await self._link.close()


def _keys(session_id: str) -> tuple[str, str]:
    return f"izwi:{{{session_id}}}", f"izwi:{{{session_id}}}:events"


def _claim() -> str:
    """Names one call, so that Redis sees when it is asked the same again: the first may only have been late."""
    return secrets.token_hex(8)


def _judge(answer: str) -> None:
    match answer:
        case "ok":
            return
        case "taken":
            raise SessionTaken("the session goes on over another connection")
        case "gone":
            raise SessionGone("the session is not stored any more")
        case _:
            raise StoreUnavailable(f"Redis answered {answer!r}")
