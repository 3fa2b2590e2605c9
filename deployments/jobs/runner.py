"""Takes jobs from the queue and works on them, as many at once as one replica may.

A lease says who works on a job; it is renewed while the replica lives. A replica that goes away gives its jobs back,
one that dies is found out when its lease runs out. Either way another goes on after the last segment that is stored.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from deployments.ingress.metrics import Metrics
from deployments.jobs.spool import Spool
from deployments.jobs.work import Work, Workshop, told
from deployments.store.jobs import Claim, JobStore, Lost
from izwi.errors import InternalError, IzwiError, JobNotFound, StoreUnavailable
from izwi.jobs.record import Job, Status

POLL_S = 2.0
"""Between looks at the queue; the replica that was given a job looks at once."""
RENEW_S = 2.0
"""Between renewals of a lease; so often a runner also hears that its job was cancelled."""
MOST_TRIES = 3
"""Servers that may die over a job at the same place before it is given up."""
SWEEP_S = 20.0
"""Between looks for jobs that wait, a third of the shortest time in which one would be forgotten, and for recordings
that nobody needs any more."""

log = structlog.get_logger()


class JobRunner:
    """One replica's.

    Args:
        workshop: what jobs are worked on with, now.
    """

    def __init__(
        self, store: JobStore, workshop: Callable[[], Awaitable[Workshop]], at_once: int, metrics: Metrics
    ) -> None:
        self._store = store
        self.workshop = workshop
        self._at_once = at_once
        self._metrics = metrics
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.leaving = asyncio.Event()
        """This replica goes away."""

    def start(self) -> None:
        """Work from now on. What is begun here belongs to no request, so that Serve cancels none of it with one."""
        self._tasks = [asyncio.create_task(self._take_jobs(), name=f"jobs-{n}") for n in range(self._at_once)]
        self._tasks.append(asyncio.create_task(self._sweep(), name="jobs-sweep"))

    def wake(self) -> None:
        """There is a new job."""
        self._wanted.set()

    async def stop(self) -> None:
        """Give back what is not done, and take no more."""
        self.leaving.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take_jobs(self) -> None:
        away = False
        while True:
            try:
                claim = await self._next()
                away = False
                if claim is not None:
                    await self._work_on(claim)
                    continue
            except StoreUnavailable as error:
                if not away:
                    log.warning("jobs_wait_for_redis", reason=str(error))
                away = True
            except Exception:  # no job may keep this replica from the others
                log.exception("job_runner_failed")
            self._wanted.clear()
            try:
                async with asyncio.timeout(POLL_S * random.uniform(0.5, 1.5)):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def _next(self) -> Claim | None:
        shop = await self.workshop()
        for job_id in await self._store.waiting():
            try:
                job = await self._store.get(job_id)
            except JobNotFound:  # its time was over
                await self._store.forget(job_id)
                continue
            if await _within_reach(job, shop.spool):
                claim = await self._store.claim(job)
                if claim is not None:
                    return claim
        return None

    async def _work_on(self, claim: Claim) -> None:
        shop = await self.workshop()
        work = Work(claim, shop)
        working = asyncio.create_task(self._finish(claim, work), name="job")
        keeping = asyncio.create_task(self._keep(claim), name="lease")
        with self._metrics.jobs_running.track_inprogress():
            try:
                await asyncio.wait((working, keeping), return_when=asyncio.FIRST_COMPLETED)
                if work.ending:
                    await asyncio.wait((working,))
            finally:
                for task in (working, keeping):
                    task.cancel()
                await asyncio.gather(working, keeping, return_exceptions=True)
                if self.leaving.is_set():
                    await self._give_back(claim)

    async def _finish(self, claim: Claim, work: Work) -> None:
        """Work on it, and say how it ended."""
        outcome = "lost"
        try:
            if claim.tries > MOST_TRIES:
                raise InternalError(f"{claim.tries} servers in a row ended while they worked on this recording")
            await work.run()
            outcome = "done"
        except Lost:
            log.info("job_lost", job=claim.job.id)
        except StoreUnavailable as error:  # no fault of the job's: it is taken up again when its lease has run out
            log.warning("job_waits_for_redis", job=claim.job.id, reason=str(error))
        except IzwiError as error:
            outcome = error.code
            await self._fail(claim, work, error)
        except Exception:
            log.exception("job_failed", job=claim.job.id)
            outcome = InternalError.code
            await self._fail(claim, work, InternalError("the job failed; see the server's log"))
        self._metrics.jobs.labels(outcome).inc()

    async def _fail(self, claim: Claim, work: Work, error: IzwiError) -> None:
        log.warning("job_failed", job=claim.job.id, code=error.code, reason=str(error))
        work.ending = True
        try:
            await self._store.finish(claim, Status.FAILED, told(error))
        except (Lost, StoreUnavailable) as lost:  # the lease runs out, and another comes to the same end
            log.warning("job_end_not_stored", job=claim.job.id, reason=str(lost))
            return
        if told(error).lasting:  # otherwise a client could fill the disk with jobs that count no more
            spool = (await self.workshop()).spool
            await asyncio.to_thread(spool.remove, claim.job.id)

    async def _keep(self, claim: Claim) -> None:
        """Renew the lease until it is lost."""
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._store.write(claim, 0, ())
            except Lost:
                return
            except StoreUnavailable:
                continue  # what is stored next will tell

    async def _give_back(self, claim: Claim) -> None:
        try:
            await self._store.finish(claim, Status.QUEUED)
        except (Lost, StoreUnavailable) as error:
            log.info("job_not_given_back", job=claim.job.id, reason=str(error))

    async def _sweep(self) -> None:
        while True:
            try:
                spool = (await self.workshop()).spool
                await self._keep_waiting(spool)
                for job_id in await asyncio.to_thread(spool.orphans):
                    if not await self._needed(job_id):
                        await asyncio.to_thread(spool.remove, job_id)
                        log.info("recording_removed", job=job_id)
            except (StoreUnavailable, OSError) as error:
                log.warning("recordings_not_swept", reason=str(error))
            except Exception:  # without this task jobs that wait would be forgotten
                log.exception("sweep_failed")
            await asyncio.sleep(SWEEP_S)

    async def _keep_waiting(self, spool: Spool) -> None:
        """A queue may be longer than the time in which jobs are forgotten, and those that nobody can hear are."""
        for job_id in await self._store.waiting():
            with suppress(JobNotFound):
                job = await self._store.get(job_id)
                if await _within_reach(job, spool):
                    await self._store.keep(job)

    async def _needed(self, job_id: str) -> bool:
        try:
            return (await self._store.get(job_id)).needs_recording
        except JobNotFound:
            return False


async def _within_reach(job: Job, spool: Spool) -> bool:
    """Whether it can be worked on here: a recording that was uploaded to another machine is left to that one."""
    return bool(job.url) or await asyncio.to_thread(spool.has, job.id)
