"""Stored lists of hotwords over HTTP, and sessions that use them, on a real server."""

import asyncio
import json

import httpx
import pytest
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed
from websockets.asyncio.client import connect

from izwi import messages as m
from izwi.client import IzwiClient, stream_paced
from izwi.errors import HotwordListMissing, Overloaded
from tests.e2e.conftest import Server
from tests.speech import LIBRIVOX, load, needs_librivox


def url(server: Server, name: str = "") -> str:
    return f"{server.http}/v1/hotwords" + (f"/{name}" if name else "")


def test_a_list_is_stored_read_listed_and_deleted(server: Server) -> None:
    put = httpx.put(url(server, "board"), json={"hotwords": [" Sundar Pichai ", "Łódź", "Łódź"]})
    assert (put.status_code, put.json()) == (200, {"name": "board", "hotwords": ["Sundar Pichai", "Łódź"]})
    assert httpx.get(url(server, "board")).json() == put.json()
    assert {"name": "board", "count": 2} in httpx.get(url(server)).json()["lists"]
    assert httpx.delete(url(server, "board")).status_code == 204
    gone = httpx.get(url(server, "board"))
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "hotword_list_missing")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("board", {"hotwords": []}),
        ("board", {"hotwords": ["x" * 65]}),
        ("board", {"hotwords": ["a\nb"]}),
        ("board", {"hotwords": ["..."]}),
        ("board", {"hotwords": ["\ud800a"]}),
        ("board", {"hotwords": [1]}),
        ("board", {"hotwords": ["a"] * 501}),
        ("board", {"hotwords": "Ana"}),
        ("board", {}),
        ("-board", {"hotwords": ["Ana"]}),
        ("b" * 65, {"hotwords": ["Ana"]}),
    ],
)
def test_a_list_that_is_none_is_refused(server: Server, name: str, body: object) -> None:
    refused = httpx.put(url(server, name), content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "fields", [{"hotwords": [""]}, {"hotwords": ["a"] * 501}, {"hotword_lists": ["../x"]}, {"hotword_lists": ["a"] * 9}]
)
async def test_a_session_with_bad_hotwords_is_not_begun(server: Server, fields: dict[str, object]) -> None:
    async with connect(server.ws, proxy=None) as socket:
        await socket.send(json.dumps({"type": "session.start", "data": {"source_language": "en", **fields}}))
        message = json.loads(await socket.recv())
        assert (message["type"], message["data"]["code"]) == ("error", "invalid_message")


async def accepted(server: Server, start: m.SessionStart) -> None:
    """Begin such a session, once the server takes new ones: the tests before may have been a crowd."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(Overloaded), wait=wait_fixed(0.5), stop=stop_after_delay(30), reraise=True
    ):
        with attempt:
            async with IzwiClient(server.ws).session(start):
                return


async def test_a_session_with_an_unknown_list_is_refused(server: Server) -> None:
    with pytest.raises(HotwordListMissing, match="nowhere"):
        await accepted(server, m.SessionStart(source_language="en", hotword_lists=("nowhere",)))


@needs_librivox
async def test_a_session_writes_the_hotwords_of_its_list_and_says_how(server: Server) -> None:
    clip = next(clip for clip in LIBRIVOX if "john dashwood" in clip.text)
    spelled = "John Dashwoode"  # as no recogniser writes it
    assert httpx.put(url(server, "book"), json={"hotwords": [spelled]}).status_code == 200
    start = m.SessionStart(source_language="en", hotword_lists=("book",), debug=True, apply_llm=True)
    finals: list[m.TranscriptFinal] = []
    committed: dict[int, str] = {}
    corrected: list[m.TranscriptCorrected] = []
    await accepted(server, start)
    async with IzwiClient(server.ws).session(start) as session:

        async def speak() -> None:
            await stream_paced(session, [load(clip.path)])
            await session.end()

        speaking = asyncio.create_task(speak())
        async for event in session:
            match event:
                case m.TranscriptFinalMessage(data=data):
                    finals.append(data)
                case m.TranscriptCommittedMessage(data=data):
                    committed[data.utterance] = committed.get(data.utterance, "") + data.text
                case m.TranscriptCorrectedMessage(data=data):
                    corrected.append(data)
                case _:
                    pass
        await speaking
    assert spelled in " ".join(final.text for final in finals)
    assert [final.text for final in finals] == list(committed.values())
    metas = [final.meta for final in finals if final.meta is not None]
    assert len(metas) == len(finals)
    assert spelled in [match.hotword for meta in metas for match in meta.hotword_matches]
    assert all(meta.timings_ms["asr"].compute > 0 for meta in metas)
    assert [(one.text, one.llm) for one in corrected] == [(f"{final.text}!", "applied") for final in finals]
