"""A connection that speaks OpenAI's protocol, on scripted stages and a socket of queues."""

import asyncio
import base64
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.datastructures import Headers, QueryParams

from deployments.ingress import live, upkeep
from deployments.ingress.admission import Newcomers
from deployments.ingress.connection import MAX_BAD_FRAMES, Connection
from deployments.ingress.metrics import Metrics
from deployments.ingress.place import Place
from deployments.ingress.registry import Registry
from deployments.ingress.services import Services
from deployments.ingress.stage_health import StageHealth
from deployments.llm.client import LlmClient
from izwi.audio import to_pcm16
from izwi.errors import Overloaded
from izwi.keys import ANONYMOUS, Principal
from izwi.messages import SessionStart
from izwi.realtime.transcription import TranscriptionWire
from izwi.realtime.translation import TranslationWire
from izwi.settings import Settings
from izwi.stages import Capabilities, Samples
from tests.metrics import value
from tests.unit.scripted import Script, silence, speech

LIMIT_S = 10.0


class Socket:
    headers = Headers({})
    state = SimpleNamespace(request_id="request-1")

    def __init__(self, query: str = "") -> None:
        self.query_params = QueryParams(query)
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: int | None = None

    async def accept(self, subprotocol: str | None) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def send_text(self, text: str) -> None:
        self.outgoing.put_nowait(json.loads(text))

    async def close(self, code: int) -> None:
        self.closed = code

    def say(self, type: str, **fields: object) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps({"type": type, **fields})})

    def append(self, samples: Samples, prefix: str = "") -> None:
        """Audio at 16 kHz, in frames of a second."""
        for begin in range(0, len(samples), 16_000):
            audio = base64.b64encode(to_pcm16(samples[begin : begin + 16_000])).decode()
            self.say(f"{prefix}input_audio_buffer.append", audio=audio)

    async def next(self, *types: str) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_S):
            while (event := await self.outgoing.get())["type"] not in types:
                pass
            return event


class Places:
    def __init__(self) -> None:
        self.taken: list[str] = []
        self.renewed: list[str] = []

    async def enter(self, session_id: str, owner: object) -> None:
        self.taken.append(session_id)

    async def renew(self, session_id: str, owner: object) -> None:
        self.renewed.append(session_id)

    async def leave(self, session_id: str, owner: object) -> None:
        self.taken.remove(session_id)


class NoStore:
    """Nothing of a session that cannot be resumed is stored."""


async def capabilities() -> dict[str, Capabilities]:
    english = frozenset({"en"})
    return {"asr": Capabilities(languages=english), "mt": Capabilities(), "tts": Capabilities(), "vad": Capabilities()}


def services(**settings: Any) -> Services:
    tree, metrics = Settings(_env_file=None, **settings), Metrics()  # type: ignore[call-arg]
    calls = SimpleNamespace(capabilities=capabilities, stages=Script().stages, wait_s=0.0, health=StageHealth(metrics))
    return Services(
        settings=tree,
        calls=calls,  # type: ignore[arg-type]
        store=NoStore(),  # type: ignore[arg-type]
        places=Places(),  # type: ignore[arg-type]
        tokens=None,  # type: ignore[arg-type]
        hotwords=None,  # type: ignore[arg-type]
        llm=LlmClient(tree.llm),
        jobs=None,  # type: ignore[arg-type]
        forks=None,  # type: ignore[arg-type]
        access=None,  # type: ignore[arg-type]
        metrics=metrics,
        fleet=None,  # type: ignore[arg-type]
        registry=Registry(tree.max_concurrent_sessions, metrics),
        newcomers=Newcomers(tree.backpressure_threshold, shortage=lambda: None),
    )


class Line:
    """A connection and how it ended."""

    def __init__(self, around: Services, query: str = "", wire: type = TranscriptionWire) -> None:
        self.socket = Socket(query)
        self.connection = Connection(
            self.socket,  # type: ignore[arg-type]
            around,
            wire("s1", around.settings, 0),
            "request-1",
        )
        self._services = around
        self._serving = asyncio.create_task(self.connection.serve())

    async def outcome(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            outcome = await self._serving
        self._services.registry.leave(self.connection)
        await self.connection.forget(outcome)
        return outcome


AT_16_KHZ = {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}, "turn_detection": None}}}
COMPLETED = "conversation.item.input_audio_transcription.completed"


async def test_a_client_is_greeted_speaks_commits_and_goes() -> None:
    around = services()
    line = Line(around)
    assert (await line.socket.next("session.created", "error"))["type"] == "session.created"
    line.socket.say("session.update", session=AT_16_KHZ)
    for word in ("one", "two"):
        line.socket.append(speech(word, word, word))
        line.socket.say("input_audio_buffer.commit")
        assert (await line.socket.next(COMPLETED))["transcript"] == f"{word} {word} {word}"
    line.socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    assert await line.outcome() == "disconnected"
    assert around.places.taken == []  # type: ignore[attr-defined]


async def test_a_replica_that_is_short_of_memory_takes_no_new_sessions_and_those_that_go_on() -> None:
    around = replace(services(), newcomers=Newcomers(2.5, shortage=lambda: "95 % in use"))
    place = Place(around, Line(around).connection, ANONYMOUS)
    with pytest.raises(Overloaded, match="memory"):
        await place.enter(SessionStart(source_language="en"))
    await place.enter_again("s1")
    assert around.places.taken == ["s1"]  # type: ignore[attr-defined]


class Anybody:
    """Asks for no key."""

    async def socket(self, headers: Headers) -> Principal:
        return ANONYMOUS


async def test_a_connection_counts_when_it_is_opened_and_its_outcome_when_it_ends() -> None:
    around = replace(services(max_concurrent_sessions=1), access=Anybody())  # type: ignore[arg-type]

    def counted() -> tuple[float, float]:
        text = around.metrics.exposition().decode()
        return value(text, "izwi_connections_total"), value(text, "izwi_sessions_total")

    async def connect(socket: Socket) -> None:
        await live._serve(socket, around, TranscriptionWire("s1", around.settings, 0))  # type: ignore[arg-type]

    first, second = Socket(), Socket()
    stays = asyncio.create_task(connect(first))
    await first.next("session.created")
    assert counted() == (1, 0)
    async with asyncio.timeout(LIMIT_S):
        await connect(second)
        assert counted() == (2, 1), "refused"
        first.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await stays
    assert counted() == (2, 2)


async def test_who_is_refused_is_told_before_the_greeting() -> None:
    around = services(max_concurrent_sessions=1)
    first, second = Line(around), Line(around)
    await first.socket.next("session.created")
    error = (await second.socket.next("session.created", "error"))["error"]
    assert (error["code"], error["retryable"], error["request_id"]) == ("overloaded", True, "request-1")
    assert await second.outcome() == "overloaded"
    assert second.socket.closed == 1013


async def test_a_url_that_asks_for_something_else_ends_with_the_field_named() -> None:
    line = Line(services(), "intent=conversation")
    assert (await line.socket.next("error"))["error"]["param"] == "intent"
    assert await line.outcome() == "invalid_message"
    assert line.socket.closed == 1008


@pytest.mark.parametrize(("elsewhere", "code"), [(True, 1012), (False, 1001)])
async def test_when_the_server_stops_what_was_said_is_finished_and_the_client_told(elsewhere: bool, code: int) -> None:
    around = services()
    talking, silent = Line(around), Line(around)
    for line in (talking, silent):
        await line.socket.next("session.created")
    talking.socket.say("session.update", session={"audio": {"input": {"format": {"rate": 16_000}}}})
    talking.socket.append(speech("one", "two", "three"))
    await talking.socket.next("input_audio_buffer.speech_started")
    draining = asyncio.create_task(around.registry.drain(LIMIT_S, "shutdown", elsewhere=elsewhere))
    for line in (talking, silent):
        assert (await line.socket.next("error"))["error"]["retryable"]
    assert (await talking.socket.next(COMPLETED))["transcript"] == "one two three"
    assert [await talking.outcome(), await silent.outcome()] == ["ended", "not_ready"]
    assert [talking.socket.closed, silent.socket.closed] == [code, code]
    assert await draining == 0


async def test_only_malformed_frames_are_counted_against_a_client() -> None:
    line = Line(services())

    async def code() -> str:
        return (await line.socket.next("error"))["error"]["code"]

    for _ in range(MAX_BAD_FRAMES + 1):
        line.socket.say("input_audio_buffer.commit")
        assert await code() == "input_audio_buffer_commit_empty"
    for number in range(MAX_BAD_FRAMES):
        line.socket.say("response.create" if number % 2 else "input_audio_buffer.append")
        assert await code() == ("unknown_message_type" if number % 2 else "invalid_message")
    line.socket.say("input_audio_buffer.commit")
    assert await code() == "input_audio_buffer_commit_empty"
    assert line.socket.closed is None
    line.socket.say("response.create")
    assert await line.outcome() == "unknown_message_type"
    assert line.socket.closed == 1008


async def test_a_client_has_a_window_even_though_it_is_not_told() -> None:
    line = Line(services(realtime_ahead_s=2.0))
    line.socket.append(silence(20))
    assert "2 s of audio ahead" in (await line.socket.next("error"))["error"]["message"]
    assert await line.outcome() == "protocol_violation"


async def test_who_connects_and_says_nothing_is_disconnected() -> None:
    line = Line(services(idle_timeout_s=0.05, ping_interval_s=0.02))
    assert (await line.socket.next("error"))["error"]["code"] == "client_timeout"
    assert await line.outcome() == "client_timeout"


async def test_a_place_is_kept_from_the_greeting_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "KEEP_S", 0.01)
    around = services()
    line = Line(around)
    await line.socket.next("session.created")
    places = around.places
    async with asyncio.timeout(LIMIT_S):
        while len(places.renewed) < 3:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
    assert set(places.renewed) == set(places.taken)  # type: ignore[attr-defined]
    line.socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    assert await line.outcome() == "left"


async def test_nobody_is_expected_to_answer_pings() -> None:
    line = Line(services(ping_interval_s=0.01))
    await line.socket.next("session.created")
    await asyncio.sleep(0.1)
    assert line.socket.outgoing.empty()
    line.socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    assert await line.outcome() == "left"


async def test_a_translation_session_closes_when_asked_to() -> None:
    line = Line(services(), wire=TranslationWire)
    line.socket.say("session.close")
    await line.socket.next("session.closed")
    assert await line.outcome() == "ended"
    assert line.socket.closed == 1000
