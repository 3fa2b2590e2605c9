"""A job and its recording are there together or not at all, whatever fails while it is made."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.jobs.jobs import Jobs
from deployments.jobs.spool import Spool
from izwi.errors import IzwiError, JobNotFound, RateLimited, StoreUnavailable, UnsupportedAudio
from izwi.job_settings import JobSettings
from izwi.jobs.options import NewJob
from izwi.jobs.record import Job, new_id
from izwi.keys import Principal
from izwi.stages import Capabilities

OWNER = Principal(name="clinic")


@dataclass
class Store:
    error: IzwiError | None = None
    """Raised once a job has been stored, as where the answer is lost."""
    away: bool = False
    """It does not answer afterwards either."""
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    """The answer waits for it."""
    jobs: dict[str, Job] = field(default_factory=dict)

    async def create(self, job: Job, per_key: int, queue: int) -> None:
        if not isinstance(self.error, RateLimited):
            self.jobs[job.id] = job
        await self.hold.wait()
        if self.error is not None:
            raise self.error

    async def get(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise JobNotFound(job_id)
        return self.jobs[job_id]

    async def forget(self, job_id: str, owner: str = "") -> None:
        if self.away:
            raise StoreUnavailable("Redis does not answer")
        self.jobs.pop(job_id, None)


class Place:
    """One replica's, with a recording that has come in."""

    def __init__(self, folder: Path, store: Store, audio: bool = True) -> None:
        self.spool = Spool(folder, "0" * 16, 0, 60.0)
        self.store = store
        self.job_id = new_id()
        self.woken = False
        self._audio = audio
        runner: Any = SimpleNamespace(workshop=self._workshop, wake=self._wake)
        self._jobs = Jobs(JobSettings(), store, runner)  # type: ignore[arg-type]

    async def create(self) -> Job:
        part = self.spool.begin(self.job_id)
        part.write(b"audio")
        return await self._jobs.create(OWNER, self.job_id, NewJob(), part, "talk.wav")

    @property
    def there(self) -> tuple[bool, bool]:
        """The job, and its recording."""
        return self.job_id in self.store.jobs, self.spool.has(self.job_id)

    async def duration(self, _: object) -> float:
        if not self._audio:
            raise UnsupportedAudio("not audio")
        return 3.0

    async def _workshop(self) -> Any:
        return SimpleNamespace(spool=self.spool, calls=self, listener=self)

    async def capabilities(self) -> dict[str, Capabilities]:
        return {"asr": Capabilities(), "mt": Capabilities()}

    def _wake(self) -> None:
        self.woken = True


async def test_a_client_that_goes_away_leaves_its_job_with_the_recording(tmp_path: Path) -> None:
    place = Place(tmp_path, Store())
    making = asyncio.create_task(place.create())
    async with asyncio.timeout(10):
        while not place.store.jobs:
            await asyncio.sleep(0.01)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert place.there == (True, True)
        place.store.hold.set()
        while not place.woken:
            await asyncio.sleep(0.01)
    assert place.there == (True, True)


async def failed(place: Place) -> IzwiError:
    place.store.hold.set()
    with pytest.raises(IzwiError) as caught:
        await place.create()
    return caught.value


async def test_a_job_whose_storing_fails_is_forgotten_and_then_its_recording(tmp_path: Path) -> None:
    place = Place(tmp_path, Store(StoreUnavailable("the answer was lost")))
    assert str(await failed(place)) == "the answer was lost"
    assert place.there == (False, False)


async def test_a_recording_stays_for_a_job_that_may_be_there(tmp_path: Path) -> None:
    place = Place(tmp_path, Store(StoreUnavailable("Redis is gone"), away=True))
    assert str(await failed(place)) == "Redis is gone"
    assert place.there == (True, True)


async def test_nothing_stays_of_what_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, Store(RateLimited("too many jobs")))
    assert isinstance(await failed(place), RateLimited)
    assert place.there == (False, False)
    place = Place(tmp_path, Store(), audio=False)
    assert isinstance(await failed(place), UnsupportedAudio)
    assert place.there == (False, False)
