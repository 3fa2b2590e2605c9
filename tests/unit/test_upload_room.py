"""Recordings on their way: refused where there is no room, before they are sent."""

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from deployments.ingress import envelope, upload_room
from deployments.ingress.upload_room import Room, UploadRoom
from deployments.ingress.uploads import uploaded
from izwi.errors import Overloaded


class NoFields(BaseModel):
    pass


def application(error: Exception | None = None) -> FastAPI:
    app = FastAPI()
    envelope.add_handlers(app)

    @app.post("/file")
    @app.post("/other")
    async def route(request: Request) -> dict[str, Any]:
        async with uploaded(request, NoFields) as upload:
            if error is not None:
                raise error
            return {"size": len(upload.file.read())}

    return app


def client(app: FastAPI, most: int = 2) -> httpx.AsyncClient:
    app.add_middleware(UploadRoom, room=Room(most, 1000), paths={"/file"})

    async def numbered(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = "r1"
        await app(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(numbered), base_url="http://test", timeout=20)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    usage = SimpleNamespace(total=1_000_000_000, free=20_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    return usage


class Body:
    """A form that comes in two halves, the second when it is let go."""

    content = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 9000 + b"\r\n--b--\r\n"
    )

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts()

    async def _parts(self) -> AsyncIterator[bytes]:
        self.asked.set()
        yield self.content[:5000]
        await self.let_go.wait()
        yield self.content[5000:]

    async def post(self, by: httpx.AsyncClient, path: str = "/file", *, announced: bool = True) -> httpx.Response:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        if announced:
            headers["Content-Length"] = str(len(self.content))
        return await by.post(path, content=self, headers=headers)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_one_too_many_is_refused_before_it_is_sent_and_has_a_place_afterwards() -> None:
    async with client(application()) as by, asyncio.timeout(20):
        first, second, third, elsewhere, again = (Body() for _ in range(5))
        under_way = [asyncio.create_task(one.post(by)) for one in (first, second)]
        await first.asked.wait()
        await second.asked.wait()
        refused = await third.post(by)
        assert code(refused) == (503, "overloaded")
        assert refused.headers["Retry-After"]
        assert not third.asked.is_set()
        elsewhere.let_go.set()
        assert (await elsewhere.post(by, "/other")).json() == {"size": 9000}
        under_way[1].cancel()  # its client has gone
        await asyncio.wait([under_way[1]])
        again.let_go.set()
        assert (await again.post(by)).json() == {"size": 9000}
        first.let_go.set()
        assert (await under_way[0]).json() == {"size": 9000}


async def test_what_would_fill_the_disk_is_refused_together_with_what_is_on_its_way(disk: SimpleNamespace) -> None:
    async with client(application(), most=9) as by, asyncio.timeout(20):
        first, second, third, fourth = (Body() for _ in range(4))
        under_way = [asyncio.create_task(one.post(by)) for one in (first, second)]
        await first.asked.wait()
        await second.asked.wait()
        disk.free -= 10_000  # as they have come so far; 8,200 bytes are still to come
        refused = await third.post(by)
        assert code(refused) == (507, "spool_full")
        assert refused.headers["Retry-After"]
        assert not third.asked.is_set()
        for one in (first, second):
            one.let_go.set()
        assert [(await one).status_code for one in under_way] == [200, 200]
        disk.free = 11_000  # those files are gone again
        fourth.let_go.set()
        assert (await fourth.post(by)).status_code == 200


async def test_a_body_that_tells_no_length_ends_where_the_disk_does(
    disk: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_room, "LOOK", 4000)
    async with client(application()) as by, asyncio.timeout(20):
        body = Body()
        under_way = asyncio.create_task(body.post(by, announced=False))
        await body.asked.wait()
        disk.free = 500
        body.let_go.set()
        assert code(await under_way) == (507, "spool_full")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_told_as_such(number: int) -> None:
    body = Body()
    body.let_go.set()
    async with client(application(OSError(number, "no space"))) as by:
        assert code(await body.post(by)) == (507, "spool_full")


async def test_other_failures_pass_through() -> None:
    body = Body()
    body.let_go.set()
    async with client(application(OSError(errno.EIO, "the disk is broken"))) as by:
        with pytest.raises(OSError, match="broken"):
            await body.post(by)


async def test_a_small_disk_is_not_left_unused(disk: SimpleNamespace) -> None:
    disk.total, disk.free = 12_000, 11_000
    body = Body()
    body.let_go.set()
    async with client(application()) as by:
        assert (await body.post(by)).status_code == 200


async def test_an_answer_that_has_begun_gets_no_second_one() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Overloaded("while it was being sent")

    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "http.request"}

    room = UploadRoom(app, Room(1, 0), {"/file"})
    with pytest.raises(Overloaded):
        await room({"type": "http", "path": "/file", "headers": []}, receive, send)
    assert sent == ["http.response.start"]
