"""Jobs in answers, as the OpenAPI document tells of them. `job_views` writes them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from deployments.ingress import document
from izwi.jobs.options import JobOptions
from izwi.jobs.record import Status


class JobWarning(BaseModel):
    code: str
    message: str


class JobError(JobWarning):
    retryable: bool


class Links(BaseModel):
    self: str
    events: str
    result: str
    cancel: str


BASE = "/v1/jobs/job_6f0c2b9e4d7a4c0f8f3b6a1d2e4c5b6a"
EXAMPLE: dict[str, Any] = {
    "id": BASE.rpartition("/")[2],
    "object": "job",
    "status": "running",
    "progress": 0.5,
    "done_s": 2.1,
    "duration_s": 4.17,
    "segments": 1,
    "language": "en",
    "languages": ["en", "es"],
    "name": "lecture.mkv",
    "url": None,
    "options": {"language": "en", "target_languages": ["es"]},
    "error": None,
    "warning": None,
    "created_at": "2026-01-01T12:00:00.000+00:00",
    "started_at": "2026-01-01T12:00:01.000+00:00",
    "finished_at": None,
    "expires_at": None,
    "links": {"self": BASE, "events": f"{BASE}/events", "result": f"{BASE}/result", "cancel": f"{BASE}/cancel"},
}


class JobView(BaseModel):
    """Where a job stands. Times are ISO 8601, in UTC."""

    # No field is ever missing. What may be null is not required here, because FastAPI leaves nulls out of examples.
    model_config = ConfigDict(use_attribute_docstrings=True, json_schema_extra={"examples": [EXAMPLE]})
    id: str
    object: Literal["job"]
    status: Status
    progress: float | None = None
    """0 to 1; null as long as the length of the recording is not known."""
    done_s: float
    """Seconds that have been recognised."""
    duration_s: float | None = None
    segments: int
    language: str | None = None
    """ISO 639-1, once something has been said."""
    languages: list[str]
    """In which there is a result."""
    name: str
    """Of the file."""
    url: str | None = None
    options: JobOptions
    error: JobError | None = None
    warning: JobWarning | None = None
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    expires_at: str | None = None
    """Null as long as the job is not over."""
    links: Links


class JobList(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"object": "list", "data": [EXAMPLE]}]})
    object: Literal["list"]
    data: list[JobView]


EVENTS = (
    'event: segment\nid: 1\ndata: {"id":0,"start":0.12,"end":1.48,"text":"The house is big.","language":"en",'
    '"translations":{"es":"La casa es grande."}}\n\n'
    'event: progress\ndata: {"status":"running","progress":0.5,"done_s":2.1,"duration_s":4.17}\n\n'
)

VIEWED: document.Responses = {200: {"model": JobView}, **document.failures(404)}
LISTED: document.Responses = {200: {"model": JobList}, **document.failures(400)}
MADE: document.Responses = {202: {"model": JobView}}
WATCHED: document.Responses = {
    200: {
        "description": "Server-sent events until the job is over",
        "content": document.text("text/event-stream", events=EVENTS),
    },
    **document.failures(400, 404),
}
