"""Jobs as clients see them: as JSON, and as a stream of events."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson

from deployments.store.jobs import JobStore
from izwi.errors import JobNotFound, StoreUnavailable
from izwi.files import formats
from izwi.jobs.entries import languages, load_entry
from izwi.jobs.record import Job, Status

LOOK_S = 0.5
"""Between two looks at a job that is watched."""
SILENT_S = 10.0
"""Proxies close what says nothing for longer."""
AT_ONCE = 200
"""Segments that are read and sent together."""


def view(job: Job) -> dict[str, Any]:
    base = f"/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "object": "job",
        "status": job.status,
        "progress": None if job.progress is None else round(job.progress, 4),
        "done_s": round(job.done_s, 2),
        "duration_s": None if job.duration_s is None else round(job.duration_s, 3),
        "segments": job.segments,
        "language": job.language or None,
        "languages": languages(job) if job.language else [],
        "name": job.name,
        "url": job.url or None,
        "options": job.options.model_dump(),
        "error": None if job.error is None else asdict(job.error),
        "warning": None if job.warning is None else {"code": job.warning.code, "message": job.warning.message},
        "created_at": _stamp(job.created_at),
        "started_at": _stamp(job.started_at),
        "finished_at": _stamp(job.finished_at),
        "expires_at": _stamp(job.expires_at),
        "links": {"self": base, "events": f"{base}/events", "result": f"{base}/result", "cancel": f"{base}/cancel"},
    }


async def events(store: JobStore, job_id: str, after: int, leaving: asyncio.Event) -> AsyncGenerator[bytes]:
    """Server-sent events of a job: ``segment`` with its number as the id, ``progress``, and in the end one that has the
    name of the final state. A client that comes back with the last id it has gets the rest, once and in order.

    Args:
        after: segments that the client has.
        leaving: ends the stream early; the client comes back to another replica.
    """
    loop = asyncio.get_running_loop()
    told: tuple[Status, float] | None = None
    said_at = loop.time()
    while not leaving.is_set():
        try:
            job, rows = await store.read(job_id, after, after + AT_ONCE - 1)
        except JobNotFound:
            yield _event("removed", {"id": job_id})
            return
        except StoreUnavailable:  # it is asked again
            await asyncio.sleep(1.0)
            continue
        for row in rows:
            entry = load_entry(row)
            after += 1
            segment = formats.segment_row(entry.segment) | {"language": entry.language}
            yield _event("segment", segment | {"translations": entry.translations}, after)
        if len(rows) == AT_ONCE:
            continue
        if job.status.over:
            yield _event(job.status, view(job))
            return
        if rows or told != (job.status, job.done_s):
            told, said_at = (job.status, job.done_s), loop.time()
            progress = view(job)
            yield _event("progress", {name: progress[name] for name in ("status", "progress", "done_s", "duration_s")})
        elif loop.time() - said_at > SILENT_S:
            said_at = loop.time()
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_S)


def _event(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    head = f"event: {name}\n" + (f"id: {number}\n" if number is not None else "")
    return head.encode() + b"data: " + orjson.dumps(data) + b"\n\n"


def _stamp(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
