"""Jobs as their owners use them: made, looked at, cancelled, tried again, removed."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from deployments.ingress.calls import StageCalls
from deployments.ingress.listener import Listener
from deployments.ingress.metrics import Metrics
from deployments.jobs.download import Downloads
from deployments.jobs.runner import JobRunner
from deployments.jobs.spool import Part, Spool
from deployments.jobs.work import Workshop
from deployments.llm.client import LlmClient
from deployments.media.forks import Forks
from deployments.media.sandbox import Limits, MediaSandbox
from deployments.store.jobs import JobStore
from izwi.errors import JobConflict, JobNotFound, StoreUnavailable, UnsupportedLanguage, UnsupportedPair
from izwi.files.formats import Transcript
from izwi.job_settings import JobSettings
from izwi.jobs import figures
from izwi.jobs.allow_list import AllowList
from izwi.jobs.entries import Entry, load_entry, load_point, transcript
from izwi.jobs.options import JobOptions, NewJob
from izwi.jobs.record import Job, Status, is_id
from izwi.keys import Principal
from izwi.messages import Meta
from izwi.settings import Settings

MEASURED = 2
"""Files at once whose length is looked up."""
LONGEST_NAME = 200
"""Characters kept of a file's name."""


@dataclass(frozen=True)
class Result:
    """What was heard, as much of it as there is."""

    job: Job
    transcript: Transcript
    meta: Meta | None
    """For a job with ``debug``."""


@dataclass(frozen=True)
class Jobs:
    """One replica's view of them."""

    settings: JobSettings
    store: JobStore
    runner: JobRunner

    async def room(self, owner: Principal, size: int) -> Spool:
        """Where a file of so many bytes goes; raises `SpoolFull`, `RateLimited` and `Overloaded` before it is sent."""
        await self.store.require(owner.name, self.settings.per_key, self.settings.queue)
        spool = (await self.runner.workshop()).spool
        await asyncio.to_thread(spool.require, size)
        return spool

    async def create(self, owner: Principal, job_id: str, fields: NewJob, part: Part | None, name: str) -> Job:
        """Put a recording into the queue.

        Raises:
            UrlNotAllowed: it may not be fetched from there.
            UnsupportedLanguage, UnsupportedPair: no engine here can do what is asked.
            UnsupportedAudio: the file is no recording.
            AudioTooLong: it is longer than is accepted.
            RateLimited, Overloaded, SpoolFull: there is no room for it.
        """
        shop = await self.runner.workshop()
        options = fields.options
        if fields.url is not None:
            shop.downloads.check(fields.url)
        await self._check(shop, options)
        duration_s = None
        if part is not None:
            await asyncio.to_thread(part.commit)
        try:
            if part is not None:
                with shop.spool.path(job_id).open("rb") as file:
                    duration_s = await shop.listener.duration(file)
        except BaseException:
            await asyncio.to_thread(shop.spool.remove, job_id)
            raise
        job = Job(
            id=job_id,
            owner=owner.name,
            options=options,
            created_at=time.time(),
            name=name[:LONGEST_NAME],
            url=fields.url or "",
            duration_s=duration_s,
        )
        # A client that goes away now leaves a job with its recording, and never one without.
        await asyncio.shield(asyncio.create_task(self._enqueue(job, shop.spool), name="new-job"))
        return await self.store.get(job_id)

    async def get(self, owner: Principal, job_id: str) -> Job:
        """Raises `JobNotFound`, also for those of others."""
        if not is_id(job_id):
            raise JobNotFound("no such job")
        job = await self.store.get(job_id)
        if job.owner != owner.name:
            raise JobNotFound(f"no job {job_id}")
        return job

    async def cancel(self, owner: Principal, job_id: str) -> Job:
        """What was heard stays; raises `JobConflict` where it is over already, and `JobNotFound`."""
        await self.store.cancel(await self.get(owner, job_id))
        await self._remove_file(job_id)
        return await self.store.get(job_id)

    async def retry(self, owner: Principal, job_id: str) -> Job:
        """Go on where it failed; raises `JobConflict` where it did not or cannot, and as `create` does."""
        job = await self.get(owner, job_id)
        if job.status is Status.FAILED and not job.needs_recording and not job.url:
            raise JobConflict("it would fail again, and its recording is not kept: make a new job")
        await self.store.retry(job, self.settings.per_key, self.settings.queue)
        self.runner.wake()
        return await self.store.get(job_id)

    async def remove(self, owner: Principal, job_id: str) -> None:
        """End it, and forget all of it; raises `JobNotFound`."""
        await self.store.remove(await self.get(owner, job_id))
        await self._remove_file(job_id)

    async def result(self, owner: Principal, job_id: str, language: str | None) -> Result:
        """
        Raises:
            JobNotFound: there is no such job.
            JobConflict: it is not over.
            UnsupportedLanguage: it was not asked for in that language.
        """
        await self.get(owner, job_id)
        job, rows = await self.store.read(job_id, 0)
        if not job.status.over:
            raise JobConflict(f"the job is {job.status}; its result is there once it is over")
        return await asyncio.to_thread(_result, job, rows, language)

    async def _enqueue(self, job: Job, spool: Spool) -> None:
        """Raises as `JobStore.create` does, and then neither the job nor its recording is there."""
        try:
            await self.store.create(job, self.settings.per_key, self.settings.queue)
        except Exception:
            # Redis may have done it all the same. Where it does not answer again, the sweep sees to the recording.
            with suppress(StoreUnavailable):
                await self.store.forget(job.id, job.owner)
                await asyncio.to_thread(spool.remove, job.id)
            raise
        self.runner.wake()

    async def _check(self, shop: Workshop, options: JobOptions) -> None:
        """Refuse now what would fail later."""
        known = await shop.calls.capabilities()
        pairs, languages = known["mt"].pairs, known["asr"].languages
        if options.language is not None and options.language not in languages:
            raise UnsupportedLanguage(f"no engine recognises {options.language}; known: {', '.join(sorted(languages))}")
        if options.language is not None:
            options.passes(options.language, pairs)
        for target in options.target_languages:
            if target not in {"en", *(into for _, into in pairs)}:
                raise UnsupportedPair(f"nothing here translates into {target}")

    async def _remove_file(self, job_id: str) -> None:
        await asyncio.to_thread((await self.runner.workshop()).spool.remove, job_id)


def build(
    settings: Settings, store: JobStore, calls: StageCalls, metrics: Metrics, llm: LlmClient, forks: Forks
) -> Jobs:
    """Those of one replica; its runner has to be started."""
    wanted = settings.jobs
    # Decoders of its own: a job keeps one for as long as it takes, and requests must not wait for that.
    sandbox = MediaSandbox(Limits(wanted.max_audio_seconds), forks, large=wanted.at_once, small=MEASURED)
    listener = Listener(calls, settings.vad, sandbox)
    downloads = Downloads(AllowList(wanted.urls), wanted.max_bytes, wanted.transfer_timeout_s)

    async def workshop() -> Workshop:
        # Asked for each time: a Redis that has lost its memory has another name, and other recordings.
        spool = Spool(wanted.spool_dir, await store.name(), wanted.free_bytes, wanted.transfer_timeout_s)
        return Workshop(store, spool, downloads, listener, calls, llm)

    return Jobs(wanted, store, JobRunner(store, workshop, wanted.at_once, metrics))


def _result(job: Job, rows: list[str], language: str | None) -> Result:
    entries = [load_entry(row) for row in rows]
    place = load_point(job.place)
    if job.status is not Status.DONE and not place.passed:
        written = "en" if job.options.task == "translate" else job.language
        # The last segment of a recording is stored beside a place before it.
        rest = (segment for segment in place.mark.rest() if segment.number >= len(entries))
        entries += [Entry(segment, written) for segment in rest]
    matches = [*chain.from_iterable(entry.matches for entry in entries), *place.matches]
    told = figures.meta(job.spent, matches) if job.options.debug else None
    return Result(job, transcript(job, entries, language), told)
