"""What makes a job: a form with a file, which goes to its place on the disk as it comes, or JSON with an address."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import orjson
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from deployments.ingress.uploads import MAX_FIELDS, fields_of, invalid, validated
from deployments.jobs.spool import Part, Spool
from izwi.jobs.options import NewJob

LARGEST_JSON = 100_000
"""Bytes; an address and a prompt have a tenth of that."""


@dataclass(frozen=True)
class Submitted:
    fields: NewJob
    part: Part | None
    """The file, which has to be committed; None where there is an address instead."""
    name: str
    """Of the file."""


@asynccontextmanager
async def submitted(request: Request, spool: Spool, job_id: str) -> AsyncGenerator[Submitted]:
    """
    Raises:
        RequestValidationError: a field is missing, unknown, or does not fit.
        HTTPException: the body is no form.
        SpoolFull: there is no room for the file.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        fields = validated(NewJob, await _json(request))
        if fields.url is None:
            raise invalid("file", "a file or a url is needed")
        yield Submitted(fields, None, fields.url.rpartition("/")[2])
        return
    parser = _ToDisk(request, spool, job_id)
    try:
        try:
            async with aclosing(parser.stream):
                form = await parser.parse()
        except MultiPartException as error:
            raise HTTPException(400, error.message) from None
        fields, file = fields_of(form, NewJob)
        if (file is None) == (fields.url is None):
            raise invalid("file", "either a file or a url is needed")
        name = (file.filename if file is not None else (fields.url or "").rpartition("/")[2]) or ""
        yield Submitted(fields, parser.part, name)
    finally:
        if parser.part is not None:
            parser.part.discard()


class _ToDisk(MultiPartParser):
    """Starlette's parser would write the file to the folder for temporary files first, which may be memory."""

    def __init__(self, request: Request, spool: Spool, job_id: str) -> None:
        super().__init__(request.headers, request.stream(), max_files=1, max_fields=MAX_FIELDS)
        self._spool = spool
        self._job_id = job_id
        self.part: Part | None = None

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        file = self._current_part.file
        if file is not None:
            file.file.close()
            self.part = self._spool.begin(self._job_id)
            file.file = self.part  # type: ignore[assignment]  it writes and rewinds, and no more is asked of it


async def _json(request: Request) -> object:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_JSON:
            raise invalid("body", f"JSON may have {LARGEST_JSON} bytes; files come in a form")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid("body", "neither a form (multipart/form-data) nor JSON") from None
