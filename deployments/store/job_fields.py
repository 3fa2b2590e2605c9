"""A job as the fields of its hash in Redis, and back."""

import json
from collections.abc import Mapping
from itertools import chain
from typing import Any

from izwi.jobs.options import JobOptions
from izwi.jobs.record import Job, Status, Told


def stored(job: Job) -> dict[str, Any]:
    """Fields of a job that is new."""
    fields = {
        "status": Status.QUEUED,
        "owner": job.owner,
        "options": job.options.model_dump_json(exclude_defaults=True),
        "created": job.created_at,
        "changed": job.created_at,
        "name": job.name,
        "url": job.url,
        "epoch": 0,
    }
    return fields | ({"duration": job.duration_s} if job.duration_s else {})


def as_job(job_id: str, fields: Mapping[str, str], ttl_s: int) -> Job:
    """The job that is stored like this.

    Args:
        ttl_s: how long it stays once it is over.
    """

    def number(field: str) -> float | None:
        return float(fields[field]) if fields.get(field) else None

    def told(field: str) -> Told | None:
        return Told(**json.loads(fields[field])) if fields.get(field) else None

    status = Status(fields["status"])
    return Job(
        id=job_id,
        owner=fields["owner"],
        options=JobOptions.model_validate_json(fields["options"]),
        created_at=float(fields["created"]),
        name=fields["name"],
        url=fields["url"],
        status=status,
        duration_s=number("duration"),
        done_s=number("done") or 0.0,
        passes=int(fields.get("passes", 1)),
        passed=int(fields.get("passed", 0)),
        language=fields.get("language", ""),
        segments=int(fields.get("segments", 0)),
        place=fields.get("place", ""),
        speakers=fields.get("speakers", ""),
        looked=fields.get("looked", ""),
        spent=fields.get("spent", ""),
        started_at=number("started"),
        finished_at=number("finished"),
        expires_at=float(fields["changed"]) + ttl_s if status.over else None,
        error=told("error"),
        warning=told("warning"),
    )


def flat(fields: Mapping[str, Any]) -> list[Any]:
    """Fields as arguments of a script: name, value, name, value."""
    return list(chain.from_iterable(fields.items()))


def pairs(flat: list[str]) -> dict[str, str]:
    """The fields that a script answers so."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
