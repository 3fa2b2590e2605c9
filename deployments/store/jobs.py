"""Jobs in Redis: what was asked for, what has been heard, who works on it, and who waits.

    izwi:{jobs}:ID            hash: what was asked for, status, progress, epoch (who works on it), place (to go on)
    izwi:{jobs}:ID:segments   list: what has been heard, in order, as JSON
    izwi:{jobs}:open:NAME     sorted set: jobs of one key that are not over, by the second at which they count as gone
    izwi:{jobs}:of:NAME       sorted set: jobs of one key, by the second they were made
    izwi:{jobs}:queue         sorted set: jobs that wait, by the second they were made
    izwi:{jobs}:leases        sorted set: jobs that are worked on, by the second at which another may take them over

Whoever takes a job raises its epoch, and what an earlier runner still writes is refused. A segment is stored with its
number and with the place after it, in one step: nothing is lost or stored twice, wherever a runner dies. Jobs are few;
the braces keep all of them on one node of a cluster, so that a job and the queue change together.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from redis.asyncio import Redis

from deployments.store.job_fields import as_job, flat, pairs, stored
from deployments.store.job_scripts import CLAIM, CREATE, KEEP, MOVE, READ, REMOVE, ROOM, WAITING, WRITE
from deployments.store.link import RedisLink
from izwi.errors import JobConflict, JobNotFound, Overloaded, RateLimited, StoreUnavailable
from izwi.jobs.record import Job, Status, Told

PREFIX = "izwi:{jobs}"
LEASE_S = 15
"""A runner renews its lease every two seconds; one that is silent for this long is dead, or what it still writes will
be refused."""
LISTED = 1000
"""Jobs of one key that are remembered for its list."""


@dataclass(frozen=True)
class Claim:
    """A job, and the right to work on it."""

    job: Job
    epoch: int
    tries: int
    """Runners that died over it since it last got on."""


class Lost(Exception):
    """The right to work on a job is gone: another has it, or the job is over, removed or forgotten."""


def is_store(name: str) -> bool:
    """Whether it is one that `JobStore.name` gives."""
    return re.fullmatch(r"[0-9a-f]{16}", name) is not None


class JobStore:
    """Every failure of Redis is a `StoreUnavailable`.

    Args:
        ttl_s: how long a job stays once it is over, and one that nobody works on or keeps.
        clock: wall-clock seconds, the same on all machines.
    """

    def __init__(self, link: RedisLink, ttl_s: int, clock: Callable[[], float] = time.time) -> None:
        self._link = link
        self._ttl_s = ttl_s
        self._clock = clock

    async def name(self) -> str:
        """Tells this Redis from others, and from what it was before it lost its memory."""
        key = f"{PREFIX}:name"

        async def ask(redis: Redis) -> str | None:
            return cast("str | None", await redis.get(key))

        if (name := await self._link.run(ask)) is None:
            await self._link.run(lambda redis: redis.set(key, secrets.token_hex(8), nx=True))
            name = await self._link.run(ask)
        return name or ""

    # --- clients ----------------------------------------------------------------------------------------------------
    async def require(self, owner: str, per_key: int, queue: int) -> None:
        """Raise now what `create` would; by then there may be less room."""
        keys = (f"{PREFIX}:open:{owner}", f"{PREFIX}:queue")
        limits = (self._clock(), per_key, queue)
        _judge(await self._link.run(lambda redis: redis.eval(ROOM, 2, *keys, *limits)))

    async def create(self, job: Job, per_key: int, queue: int) -> None:
        """Put a new job into the queue.

        Raises:
            RateLimited: its key has ``per_key`` jobs that are not over.
            Overloaded: ``queue`` jobs wait.
        """
        _judge(await self._run(CREATE, job, per_key, queue, LISTED, *flat(stored(job))))

    async def get(self, job_id: str) -> Job:
        """Raises `JobNotFound`."""
        return (await self.read(job_id, 1, 0))[0]

    async def read(self, job_id: str, first: int, last: int = -1) -> tuple[Job, list[str]]:
        """A job and its segments from ``first`` to ``last``, as they were in one moment; raises `JobNotFound`."""
        keys = _keys(job_id, "")[:2]
        fields, segments = await self._link.run(lambda redis: redis.eval(READ, 2, *keys, first, last))
        if not fields:
            raise JobNotFound(f"no job {job_id}")
        return as_job(job_id, pairs(fields), self._ttl_s), segments

    async def of(self, owner: str, most: int) -> list[Job]:
        """The newest jobs of a key, newest first."""
        key, found = f"{PREFIX}:of:{owner}", list[Job]()
        for job_id in await self._link.run(lambda redis: redis.zrevrange(key, 0, -1)):
            try:
                found.append(await self.get(job_id))
            except JobNotFound:  # its time was over
                await self._link.run(lambda redis, gone=job_id: redis.zrem(key, gone))
            if len(found) == most:
                break
        return found

    async def cancel(self, job: Job) -> None:
        """Raises `JobConflict` where it is over in another way, and `JobNotFound`."""
        _judge(await self._move(job, "", Status.CANCELLED, (Status.QUEUED, Status.RUNNING)))

    async def retry(self, job: Job, per_key: int, queue: int) -> None:
        """Put a failed job into the queue again, to go on where it failed; raises as `create` and `cancel` do."""
        limits = (per_key, queue)
        _judge(
            await self._move(
                job, "", Status.QUEUED, (Status.FAILED,), {"error": "", "finished": "", "tries": 0}, limits
            )
        )

    async def remove(self, job: Job) -> None:
        """Forget it."""
        await self.forget(job.id, job.owner)

    async def forget(self, job_id: str, owner: str = "") -> None:
        """The same for one of which nothing but its id is left in the queue."""
        keys = _keys(job_id, owner)
        await self._link.run(lambda redis: redis.eval(REMOVE, len(keys), *keys, job_id))

    # --- runners ----------------------------------------------------------------------------------------------------
    async def depth(self) -> int:
        """How many wait in the queue."""
        return await self._link.run(lambda redis: redis.zcard(f"{PREFIX}:queue"))

    async def waiting(self) -> list[str]:
        """Jobs that may be claimed: first those whose runner died, then the queue."""
        keys = (f"{PREFIX}:queue", f"{PREFIX}:leases")
        return await self._link.run(lambda redis: redis.eval(WAITING, 2, *keys, self._clock()))

    async def keep(self, job: Job) -> None:
        """Let it wait on: its time begins anew."""
        await self._run(KEEP, job)

    async def claim(self, job: Job) -> Claim | None:
        """The right to work on a job; None where another has it, or nobody needs it."""
        fields = await self._run(CLAIM, job, LEASE_S, secrets.token_hex(8))
        if not fields:
            return None
        found = pairs(fields)
        return Claim(as_job(job.id, found, self._ttl_s), int(found["epoch"]), int(found.get("tries", 0)))

    async def write(self, claim: Claim, first: int, segments: Sequence[str], **fields: Any) -> None:
        """Store segments of which the first has the number ``first``, once however often it is asked for, and fields;
        renews the lease.

        Raises:
            Lost: it may not be worked on any more.
        """
        arguments = (claim.epoch, LEASE_S, first, len(segments), *segments, *flat(fields))
        _keep(await self._run(WRITE, claim.job, *arguments))

    async def finish(self, claim: Claim, status: Status, error: Told | None = None, **fields: Any) -> None:
        """End it, or give it back to the queue; raises as `write` does."""
        if error is not None:
            fields["error"] = json.dumps(asdict(error))
        if status.over:
            fields["finished"] = self._clock()
        _keep(await self._move(claim.job, str(claim.epoch), status, (Status.RUNNING,), fields))

    # --- steps ------------------------------------------------------------------------------------------------------
    async def _move(
        self,
        job: Job,
        epoch: str,
        to: Status,
        origins: tuple[Status, ...],
        fields: dict[str, Any] | None = None,
        limits: tuple[int, int] | tuple[str, str] = ("", ""),
    ) -> str:
        return await self._run(MOVE, job, epoch, to, " ".join(origins), *limits, *flat(fields or {"name": job.name}))

    async def _run(self, script: str, job: Job, *arguments: Any) -> Any:
        keys, start = _keys(job.id, job.owner), (self._clock(), self._ttl_s, job.id)
        return await self._link.run(lambda redis: redis.eval(script, len(keys), *keys, *start, *arguments))


def _keys(job_id: str, owner: str) -> tuple[str, ...]:
    job = f"{PREFIX}:{job_id}"
    own = (f"{PREFIX}:open:{owner}", f"{PREFIX}:of:{owner}")
    return (job, f"{job}:segments", *own, f"{PREFIX}:queue", f"{PREFIX}:leases")


def _judge(answer: str) -> None:
    match answer:
        case "ok":
            return
        case "key":
            raise RateLimited("this key has as many jobs as it may: wait for one, or cancel it")
        case "queue":
            raise Overloaded("as many jobs wait as there is room for")
        case "gone":
            raise JobNotFound("the job is not stored any more")
        case str() if answer.startswith("from "):
            raise JobConflict(f"the job is {answer.removeprefix('from ')}")
        case _:
            raise StoreUnavailable(f"Redis answered {answer!r}")


def _keep(answer: str) -> None:
    if answer != "ok":
        raise Lost(answer)
