"""Multipart forms with a media file. Parsed by hand rather than by FastAPI, which would read the whole body before it
asks who sent it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Generic, TypeVar, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from izwi.messages.hotwords import MOST_HOTWORDS

MAX_FIELDS = 2 * MOST_HOTWORDS + 100
"""Of a form: hotwords may come one by one, under either of their names; the rest is a dozen."""

F = TypeVar("F", bound=BaseModel)
_KEY = re.compile(r"(\w+)\[(\w*)\]")


@dataclass(frozen=True)
class Upload(Generic[F]):
    fields: F
    file: BinaryIO
    """On disk, complete and written out."""


@asynccontextmanager
async def uploaded(request: Request, fields: type[F], file_field: str = "file") -> AsyncGenerator[Upload[F]]:
    """The form of a request. The items of a list come as ``name`` or ``name[]``, the fields of an object as
    ``name[field]``, or all of it as JSON, as the model has it.

    Raises:
        RequestValidationError: a field is missing, unknown, or does not fit.
    """
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        found, file = fields_of(form, fields, file_field)
        if file is None:
            raise invalid(file_field, "a file is needed")
        yield Upload(found, await asyncio.to_thread(_on_disk, file))


def fields_of(form: FormData, fields: type[F], file_field: str = "file") -> tuple[F, UploadFile | None]:
    """What a form holds; raises as `uploaded` does."""
    rows: dict[str, list[Any]] = {}
    for key, value in form.multi_items():
        _note(rows, key, value)
    files = rows.pop(file_field, [])
    if len(files) > 1 or not all(isinstance(file, UploadFile) for file in files):
        raise invalid(file_field, "a file is needed")
    found = validated(fields, {name: _value(fields, name, row) for name, row in rows.items()})
    return found, files[0] if files else None


def validated(fields: type[F], values: Any) -> F:
    """Raises `RequestValidationError` where they do not fit."""
    try:
        return fields.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(
            [dict(one, loc=("body", *one["loc"])) for one in error.errors(include_url=False)]
        ) from None


def form_document(fields: type[BaseModel], file_field: str = "file") -> dict[str, Any]:
    """What OpenAPI says of such a form, for a route's ``openapi_extra``."""
    schema = fields.model_json_schema()
    schema = _inlined(schema, schema.pop("$defs", {}))
    schema["properties"] = {file_field: {"type": "string", "format": "binary"}} | schema.get("properties", {})
    schema["required"] = [file_field, *schema.get("required", [])]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """With what it refers to in its place: the document has these definitions nowhere else."""
    match schema:
        case {"$ref": str(name), **rest}:
            return _inlined(definitions[name.rpartition("/")[2]] | rest, definitions)
        case dict():
            return {key: _inlined(value, definitions) for key, value in schema.items()}
        case list():
            return [_inlined(item, definitions) for item in schema]
        case _:
            return schema


def _note(rows: dict[str, list[Any]], key: str, value: Any) -> None:
    found = _KEY.fullmatch(key)
    name, part = (found[1], found[2]) if found else (key, "")
    row = rows.setdefault(name, [])
    if not part:
        row.append(value)
    elif not row:
        row.append({part: value})
    elif isinstance(row[0], dict):
        row[0][part] = value
    else:
        raise invalid(name, "it was given more than once")


def _value(fields: type[BaseModel], name: str, row: list[Any]) -> Any:
    if any(isinstance(value, UploadFile) for value in row):
        raise invalid(name, "only one file is taken")
    if name in fields.model_fields and get_origin(fields.model_fields[name].annotation) is list:
        return row
    if len(row) > 1:
        raise invalid(name, "it was given more than once")
    return row[0]


def invalid(name: str, message: str) -> RequestValidationError:
    """What is wrong with a field."""
    return RequestValidationError([{"type": "value_error", "loc": ("body", name), "msg": message, "input": None}])


def _on_disk(upload: UploadFile) -> BinaryIO:
    """Another process will read it by its descriptor."""
    spooled: Any = upload.file
    spooled.rollover()
    spooled.flush()
    return spooled
