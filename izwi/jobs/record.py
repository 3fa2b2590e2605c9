"""Where a job stands. Pure."""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from izwi.errors import ClientError, InternalError, error_classes
from izwi.jobs.options import JobOptions

_ID = re.compile(r"job_[0-9a-f]{32}")


class Status(StrEnum):
    """queued ──> running ──> done, failed or cancelled; a runner that leaves puts a job back into the queue, and so
    does who tries a failed one again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        return self in (Status.DONE, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True)
class Told:
    """An error or a warning, as clients see it."""

    code: str
    message: str
    retryable: bool = False

    @property
    def lasting(self) -> bool:
        """Whether the same request meets it again: what was asked for is at fault, and no state of ours."""
        return issubclass(error_classes().get(self.code, InternalError), ClientError)


@dataclass(frozen=True)
class Job:
    """What is known of a job besides its segments. Times are Unix seconds."""

    id: str
    owner: str
    """Name of the key that made it; empty where there are no keys."""
    options: JobOptions
    created_at: float
    name: str = ""
    """Of the file."""
    url: str = ""
    """Where the file is fetched from; empty where it was uploaded."""
    status: Status = Status.QUEUED
    duration_s: float | None = None
    """As the file's header tells it, in the end as it was; None where it does not."""
    done_s: float = 0.0
    """How far it has been recognised."""
    passes: int = 1
    """How often it is listened to: twice where the recogniser itself translates."""
    passed: int = 0
    """Passes that are over."""
    language: str = ""
    """ISO 639-1, once something has been said."""
    segments: int = 0
    """Entries of its transcript and of what the recogniser translated."""
    place: str = ""
    """Where to go on (`izwi.jobs.entries.ResumePoint`, as JSON); empty at the beginning."""
    speakers: str = ""
    """Who said each word (`izwi.jobs.speakers`); empty until all has been heard, and where nobody asked."""
    looked: str = ""
    """What a language model made of the segments that it has gone over so far (`izwi.jobs.looks`)."""
    spent: str = ""
    """Where the time went (`izwi.jobs.figures`); empty where nobody asked."""
    started_at: float | None = None
    finished_at: float | None = None
    expires_at: float | None = None
    """None as long as it is not over."""
    error: Told | None = None
    warning: Told | None = None

    @property
    def needs_recording(self) -> bool:
        """Whether somebody may still hear it: who tries a failed job again, unless that must end as before."""
        if self.status is Status.FAILED:
            return self.error is None or not self.error.lasting
        return not self.status.over

    @property
    def progress(self) -> float | None:
        """0 to 1, by the length of the recording; None as long as that is not known."""
        if self.status is Status.DONE:
            return 1.0
        if not self.duration_s:
            return None
        return min(1.0, (self.passed + min(1.0, self.done_s / self.duration_s)) / self.passes)


def new_id() -> str:
    """Unguessable, and fit to be the name of a file."""
    return f"job_{secrets.token_hex(16)}"


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
