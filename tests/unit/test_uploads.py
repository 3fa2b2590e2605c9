import json
import os
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict
from starlette.types import Message
from structlog.testing import capture_logs

from deployments.ingress import envelope
from deployments.ingress.uploads import form_document, uploaded
from izwi.messages.hotwords import MOST_HOTWORDS


class Inner(BaseModel):
    kind: str
    size: int = 0


class Fields(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = "none"
    parts: list[str] = []
    inner: Inner | None = None


async def post(files: object = None, **data: Any) -> httpx.Response:
    app = FastAPI()
    envelope.add_handlers(app)

    @app.post("/", openapi_extra=form_document(Fields))
    async def route(request: Request) -> dict[str, Any]:
        request.scope["state"] = {"request_id": "r1"}
        async with uploaded(request, Fields) as upload:
            os.lseek(upload.file.fileno(), 0, os.SEEK_SET)
            return {"size": len(os.read(upload.file.fileno(), 10_000_000)), **upload.fields.model_dump()}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.post("/", data=data, files=files or {"file": ("a.wav", b"audio")})  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
async def test_the_file_is_there_for_another_process(size: int) -> None:
    assert (await post({"file": ("a.wav", b"x" * size)})).json()["size"] == size


async def test_lists_and_objects_as_clients_spell_them() -> None:
    for data in ({"parts": ["a", "b"]}, {"parts[]": ["a", "b"]}):
        assert (await post(**data)).json()["parts"] == ["a", "b"]
    assert (await post(**{"inner[kind]": "k", "inner[size]": "3"})).json()["inner"] == {"kind": "k", "size": 3}


async def test_as_many_hotwords_as_there_may_be_come_one_by_one() -> None:
    assert (
        len((await post(**{"parts[]": [f"name {n}" for n in range(MOST_HOTWORDS)]})).json()["parts"]) == MOST_HOTWORDS
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nmae": "x"}, "body.nmae: Extra inputs"),
        ({"name": ["x", "y"]}, "body.name: it was given more than once"),
        ({"inner": "x", "inner[kind]": "y"}, "body.inner: it was given more than once"),
        ({"inner[size]": "3"}, "body.inner.kind: Field required"),
        ({"inner[kind]": "k", "inner[size]": "many"}, "body.inner.size: "),
    ],
)
async def test_what_does_not_fit_is_named(data: dict[str, Any], message: str) -> None:
    response = await post(**data)
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(message)


def test_the_document_of_a_form_refers_to_nothing() -> None:
    content = form_document(Fields)["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert "$ref" not in json.dumps(content)
    assert content["required"] == ["file"]
    (inner,) = [one for one in content["properties"]["inner"]["anyOf"] if one.get("type") == "object"]
    assert set(inner["properties"]) == {"kind", "size"}


async def test_a_form_without_a_file_or_with_two(tmp_path: object) -> None:
    for files in ({"other": ("a.wav", b"x")}, [("file", ("a.wav", b"x")), ("file", ("b.wav", b"x"))]):
        assert (await post(files)).status_code == 400


async def test_a_client_that_breaks_off_its_upload_is_no_failure_of_the_server() -> None:
    app = FastAPI()
    envelope.add_handlers(app)

    @app.post("/")
    async def route(request: Request) -> None:
        async with uploaded(request, Fields):
            raise AssertionError("there is no whole form")

    begin = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
    messages = iter([{"type": "http.request", "body": begin, "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        pass

    headers = [(b"content-type", b"multipart/form-data; boundary=b"), (b"content-length", b"1000000")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    with capture_logs() as logged:
        await app(scope, receive, send)
    assert [(one["event"], one["log_level"]) for one in logged] == [("request_broken_off", "info")]
