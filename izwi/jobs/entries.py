"""What is stored of a job while it runs: what has been heard, and where to go on. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from izwi.errors import UnsupportedLanguage
from izwi.files.formats import Transcript
from izwi.files.listening import Mark
from izwi.files.segments import Segment, by_speaker
from izwi.jobs import looks, speakers
from izwi.jobs.record import Job, Status
from izwi.messages import HotwordMatch
from izwi.stages import Word


@dataclass(frozen=True)
class Entry:
    """A segment, as it was said or as the recogniser translated it."""

    segment: Segment
    language: str
    """That it is written in, ISO 639-1."""
    passed: int = 0
    """Passes over the recording before the one that it is from."""
    translations: dict[str, str] = field(default_factory=dict[str, str])
    """Its text in other languages."""
    matches: tuple[HotwordMatch, ...] = ()
    """Hotwords that were heard in it, for a client that asked with ``debug``."""


@dataclass(frozen=True)
class ResumePoint:
    """Where a job goes on."""

    mark: Mark = field(default_factory=Mark)
    passed: int = 0
    """Passes over the recording that are over."""
    base: int = 0
    """Entries of those."""
    matches: tuple[HotwordMatch, ...] = ()
    """Hotwords in the words of the segment that has begun."""


_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)
_POINT: TypeAdapter[ResumePoint] = TypeAdapter(ResumePoint)


def dump_entry(entry: Entry) -> str:
    return _ENTRY.dump_json(entry).decode()


def load_entry(text: str) -> Entry:
    return _ENTRY.validate_json(text)


def dump_point(point: ResumePoint) -> str:
    return _POINT.dump_json(point).decode()


def load_point(text: str) -> ResumePoint:
    return _POINT.validate_json(text) if text else ResumePoint()


def languages(job: Job) -> list[str]:
    """Those in which a job's transcript can be had, the one that it is written in first."""
    written = "en" if job.options.task == "translate" else job.language
    return list(dict.fromkeys([written, *job.options.target_languages]))


def transcript(job: Job, entries: Sequence[Entry], language: str | None) -> Transcript:
    """What has been heard so far.

    Args:
        language: one of `languages`; None takes the first.

    Raises:
        UnsupportedLanguage: it was not asked for.
    """
    known = languages(job)
    language = language or known[0]
    if language not in known:
        raise UnsupportedLanguage(f"this job is not in {language}; it is in {', '.join(filter(None, known))}")
    duration_s = (job.duration_s if job.status is Status.DONE else job.done_s) or 0.0
    segments: Iterable[Segment] = _in_language(entries, language, known[0])
    original = language == known[0]
    if job.speakers:
        words, labels = said(entries), speakers.load(job.speakers)
        segments = by_speaker(words, labels) if original else speakers.attributed(list(segments), words, labels)
    if job.looked and original:
        segments = looks.attached(list(segments), looks.load(job.looked))
    return Transcript(tuple(segments), language, duration_s)


def said(entries: Iterable[Entry]) -> list[Word]:
    """The words of a recording as they were heard first."""
    return [word for entry in entries if entry.passed == 0 for word in entry.segment.words]


def _in_language(entries: Sequence[Entry], language: str, written: str) -> Iterable[Segment]:
    for entry in entries:
        if entry.language == language and (entry.passed == 0) == (language == written):
            yield entry.segment
        elif language in entry.translations:
            yield replace(entry.segment, text=entry.translations[language])
