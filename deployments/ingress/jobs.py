"""``/v1/jobs``: recordings that are too long to wait for, worked on in the background."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from deployments.ingress import document, job_answers
from deployments.ingress.access import Access
from deployments.ingress.envelope import OrjsonResponse
from deployments.ingress.job_form import submitted
from deployments.ingress.job_views import events, view
from deployments.ingress.openai.transcriptions import Format, written
from deployments.ingress.transcript_answers import TRANSCRIPT
from deployments.ingress.uploads import form_document
from deployments.jobs.jobs import Jobs
from deployments.store.hotword_lists import HotwordLists
from izwi.errors import DamagedAudio
from izwi.fields import Language
from izwi.files.second_look import summary
from izwi.jobs.entries import languages
from izwi.jobs.options import NewJob
from izwi.jobs.record import Status, new_id
from izwi.keys import Principal, Scope

LISTED = 50
"""Jobs in one answer, unless asked for less."""


def build_router(jobs: Jobs, access: Access, lists: HotwordLists) -> APIRouter:
    """The routes of one replica."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
    Owner = Annotated[Principal, Depends(access.needs(Scope.HTTP))]

    @router.post(
        "",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=_document(),
        responses=job_answers.MADE | document.failures(400, 403, 404, 413, 415, 429, 507),
    )
    async def create(request: Request, owner: Owner) -> Response:
        """Make a job of a recording: a file in a form, or a ``url``, in a form or in JSON."""
        job_id = new_id()
        announced = request.headers.get("content-length", "0")
        spool = await jobs.room(owner, int(announced) if announced.isdecimal() else 0)
        async with submitted(request, spool, job_id) as sent:
            hotwords = list(await lists.gather(owner, sent.fields.hotwords, sent.fields.hotword_lists))
            fields = sent.fields.model_copy(update={"hotwords": hotwords, "hotword_lists": []})
            job = await jobs.create(owner, job_id, fields, sent.part, sent.name)
        headers = {"Location": f"/v1/jobs/{job_id}"}
        return OrjsonResponse(view(job), status_code=HTTPStatus.ACCEPTED, headers=headers)

    @router.get("", response_model=None, responses=job_answers.LISTED)
    async def list_(owner: Owner, limit: Annotated[int, Query(ge=1, le=LISTED)] = LISTED) -> dict[str, Any]:
        """The newest jobs of this key, newest first."""
        return {"object": "list", "data": [view(job) for job in await jobs.store.of(owner.name, limit)]}

    @router.get("/{job_id}", response_model=None, responses=job_answers.VIEWED)
    async def get(job_id: str, owner: Owner) -> dict[str, Any]:
        """Where a job stands."""
        return view(await jobs.get(owner, job_id))

    @router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT, responses=document.failures(404))
    async def delete(job_id: str, owner: Owner) -> None:
        """End a job, and remove its recording and all that was heard."""
        await jobs.remove(owner, job_id)

    @router.post("/{job_id}/cancel", response_model=None, responses=job_answers.VIEWED)
    async def cancel(job_id: str, owner: Owner) -> dict[str, Any]:
        """End a job. What was heard stays, the recording goes."""
        return view(await jobs.cancel(owner, job_id))

    @router.post(
        "/{job_id}/retry",
        status_code=HTTPStatus.ACCEPTED,
        response_model=None,
        responses=job_answers.MADE | document.failures(404, 409),
    )
    async def retry(job_id: str, owner: Owner) -> dict[str, Any]:
        """Go on with a job that failed, where it failed."""
        return view(await jobs.retry(owner, job_id))

    @router.get("/{job_id}/events", response_class=Response, responses=job_answers.WATCHED)
    async def watch(
        job_id: str, owner: Owner, last_event_id: Annotated[int, Header(ge=0, le=10_000_000)] = 0
    ) -> Response:
        """Server-sent events: segments and progress as they come, then the final state."""
        job = await jobs.get(owner, job_id)
        stream = events(jobs.store, job.id, last_event_id, jobs.runner.leaving)
        # Nginx would gather what should leave at once.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    @router.get("/{job_id}/result", responses=TRANSCRIPT | document.failures(400, 404, 409))
    async def result(
        job_id: str,
        owner: Owner,
        form: Annotated[Format, Query(alias="format")] = "json",
        language: Annotated[Language | None, Query()] = None,
    ) -> Response:
        """What was heard, as text, JSON or subtitles; of a job that failed or was cancelled what there is."""
        found = await jobs.result(owner, job_id, language)
        job, transcript = found.job, found.transcript
        warning = DamagedAudio(job.warning.message) if job.warning is not None else None
        original = transcript.language == job.language
        task = "transcribe" if original else "translate"
        partial = {} if job.status is Status.DONE else {"partial": True}
        looked = job.options.apply_llm and transcript.language == languages(job)[0]
        more = {**partial, **(summary(transcript.segments, job.options.llm_role) if looked else {})}
        rows = ["word", "segment"] if original else ["segment"]
        # Hours of words take tenths of a second to write, in which speakers must not wait.
        response = await asyncio.to_thread(written, transcript, form, rows, warning, task, more, found.meta)
        if partial:
            response.headers["X-Izwi-Partial"] = "true"
        return response

    return router


def _document() -> dict[str, Any]:
    """A file is not needed where there is a ``url``, and a ``url`` may come in JSON."""
    body = form_document(NewJob)["requestBody"]
    schema = body["content"]["multipart/form-data"]["schema"]
    schema["required"] = []
    asked = {"language": "en", "target_languages": ["es"]}
    schema["examples"] = [{"file": "lecture.mkv", **asked}]
    plain = {**schema, "properties": {name: row for name, row in schema["properties"].items() if name != "file"}}
    plain["examples"] = [{"url": "https://media.example.org/talks/lecture.mkv", **asked}]
    body["content"]["application/json"] = {"schema": plain | {"required": ["url"]}}
    return {"requestBody": body}
