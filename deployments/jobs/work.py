"""One job being worked on: fetched if need be, heard, translated, and stored window by window.

    file ──> Listening (from the mark) ──> segments ──> MT, one call per language ──> Redis, with the next mark
    and in the end, where it is asked for, who said each word, and what a language model makes of it

What a stage cannot do now it may do in a while: as long as the job gets on now and then, it is patient.
"""

import asyncio
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import orjson
import structlog

from deployments.ingress.calls import StageCalls
from deployments.ingress.listener import Listener
from deployments.jobs.download import Downloads
from deployments.jobs.spool import Spool
from deployments.llm.client import LlmClient
from deployments.store.jobs import Claim, JobStore
from izwi.errors import DamagedAudio, InternalError, IzwiError, Unavailable
from izwi.files.listening import Mark, Step
from izwi.files.second_look import SecondLook
from izwi.files.segments import Segment
from izwi.jobs import figures, looks, speakers
from izwi.jobs.entries import Entry, ResumePoint, dump_entry, dump_point, load_entry, load_point, said, transcript
from izwi.jobs.record import Status, Told
from izwi.messages import HotwordMatch
from izwi.stages import MtRequest

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Between attempts that do not get on: together a minute, in which a replica is replaced and loads its model."""
LOOKED_AT_ONCE = 32
"""Segments that a language model goes over before they are stored: who takes a job over asks for so many again."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Workshop:
    """What jobs are worked on with; one replica's."""

    store: JobStore
    spool: Spool
    downloads: Downloads
    listener: Listener
    calls: StageCalls
    llm: LlmClient


def told(error: IzwiError) -> Told:
    return Told(error.code, str(error), error.retryable)


class Work:
    """Works on one job until it is done."""

    def __init__(self, claim: Claim, workshop: Workshop) -> None:
        self._claim = claim
        self._job = claim.job
        self._shop = workshop
        self._place = load_point(claim.job.place)
        self._passes = claim.job.passes
        self._pairs: frozenset[tuple[str, str]] = frozenset()
        self._seconds = 0.0
        self._spent = figures.load(claim.job.spent)
        self._second_look = SecondLook(workshop.llm.ask_for_file, self._spent.note)
        self._warning: DamagedAudio | None = None
        self.ending = False
        """How it ended is being stored: who sees the job over in the store does not see it lost."""

    async def run(self) -> None:
        """
        Raises:
            Lost: it may not be worked on any more.
            IzwiError: it has failed; what was heard is stored.
        """
        failures = 0
        while True:
            before = self._place
            try:
                return await self._attempt()
            except Unavailable as error:
                failures = failures + 1 if self._place == before else 1
                if failures > len(BACKOFF_S):
                    raise
                log.warning("job_waits", job=self._job.id, code=error.code, failures=failures)
                await asyncio.sleep(BACKOFF_S[failures - 1])

    async def _attempt(self) -> None:
        path = await self._fetched()
        with path.open("rb") as file:
            if self._job.duration_s is None:
                await self._measure(file)
            if self._job.options.target_languages:
                self._pairs = (await self._shop.calls.capabilities())["mt"].pairs
            while self._place.passed < self._passes:
                self._seconds = await self._listen(file)
            if self._job.options.with_speaker and not self._job.speakers:
                await self._tell_speakers(file)
        if self._job.options.apply_llm:
            await self._look_again()
        warning = orjson.dumps(asdict(told(self._warning))).decode() if self._warning else ""
        seconds = self._seconds
        self.ending = True
        await self._shop.store.finish(
            self._claim, Status.DONE, duration=seconds, done=seconds, warning=warning, **self._figures()
        )
        await asyncio.to_thread(self._shop.spool.remove, self._job.id)

    async def _fetched(self) -> Path:
        job, spool = self._job, self._shop.spool
        if not await asyncio.to_thread(spool.has, job.id):
            if not job.url:
                raise InternalError("the recording is not on the disk any more")
            await self._shop.downloads.fetch(job.url, job.id, spool)
        return spool.path(job.id)

    async def _measure(self, file: BinaryIO) -> None:
        seconds = await self._shop.listener.duration(file)
        if seconds is not None:
            await self._shop.store.write(self._claim, 0, (), duration=seconds)
            self._job = replace(self._job, duration_s=seconds)

    async def _listen(self, file: BinaryIO) -> float:
        """One pass over the recording; returns its seconds."""
        place, wish = self._place, self._job.options.wish
        if place.passed:
            wish = replace(wish, task="translate")
        listening = self._shop.listener.hear(file, wish, after=place.mark, spent=self._spent)
        count = place.mark.segments
        async with aclosing(listening.steps()) as steps:
            async for step in steps:
                await self._store(step)
                if step.segments:
                    count = step.segments[-1].number + 1
        self._warning = listening.warning
        self._place = ResumePoint(Mark(language=listening.language), place.passed + 1, place.base + count)
        return listening.duration_s

    async def _tell_speakers(self, file: BinaryIO) -> None:
        """Store who said what has been heard."""
        _, rows = await self._shop.store.read(self._job.id, 0)
        words = await asyncio.to_thread(lambda: said(load_entry(row) for row in rows))
        who = speakers.dump(await self._shop.listener.speakers(file, words, self._spent))
        await self._shop.store.write(self._claim, 0, (), speakers=who, tries=0, **self._figures())
        self._job = replace(self._job, speakers=who)

    async def _look_again(self) -> None:
        """Let a language model go over the segments as the result shows them, from where an earlier runner got to."""
        job, rows = await self._shop.store.read(self._job.id, 0)
        heard = await asyncio.to_thread(lambda: transcript(job, [load_entry(row) for row in rows], None))
        options, looked = job.options, looks.load(job.looked)
        while rest := heard.segments[len(looked) : len(looked) + LOOKED_AT_ONCE]:
            asked = [options.request(one.text, heard.language, tuple(options.hotwords)) for one in rest]
            looked += await self._second_look.at(asked)
            await self._shop.store.write(self._claim, 0, (), looked=looks.dump(looked), tries=0, **self._figures())

    def _figures(self) -> dict[str, str]:
        return {"spent": figures.dump(self._spent)} if self._job.options.debug else {}

    async def _store(self, step: Step) -> None:
        language = step.mark.language
        if language and not self._place.passed:
            self._passes = self._job.options.passes(language, self._pairs)
        entries = [await self._entry(segment, language) for segment in step.segments]
        entries, matches = self._with_matches(entries, step.matches)
        place = replace(self._place, mark=step.mark, matches=matches)
        # By its number: the last segment of a recording comes again where only the end of the job was not stored.
        first = step.segments[0].number if step.segments else step.mark.segments
        await self._shop.store.write(
            self._claim,
            place.base + first,
            [dump_entry(entry) for entry in entries],
            place=dump_point(place),
            done=step.done_s,
            passed=place.passed,
            passes=self._passes,
            language=language,
            tries=0,
            **self._figures(),
        )
        self._place = place

    def _with_matches(
        self, entries: list[Entry], more: tuple[HotwordMatch, ...]
    ) -> tuple[list[Entry], tuple[HotwordMatch, ...]]:
        """Entries with the hotwords that were heard in them, and those of the segment that has begun. A second pass is
        of the same speech, and tells of none."""
        if not self._job.options.debug or self._place.passed:
            return entries, ()
        left, found = (*self._place.matches, *more), list[Entry]()
        for entry in entries:
            end_s = entry.segment.end_s
            found.append(replace(entry, matches=tuple(match for match in left if match.start_s < end_s)))
            left = tuple(match for match in left if match.start_s >= end_s)
        return found, left

    async def _entry(self, segment: Segment, language: str) -> Entry:
        options, passed = self._job.options, self._place.passed
        if passed or options.task == "translate":
            return Entry(segment, "en", passed)
        targets = [target for target in options.target_languages if (language, target) in self._pairs]
        requests = (self._shop.calls.mt(MtRequest(segment.text, language, target)) for target in targets)
        results = await asyncio.gather(*requests)
        for result in results:
            self._spent.note("mt", result.timing)
        texts = [result.text for result in results]
        return Entry(segment, language, passed, dict(zip(targets, texts, strict=True)))
