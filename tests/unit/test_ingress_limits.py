"""Bounds on connections, messages and requests."""

import asyncio

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from deployments.ingress.message_rate import MessageRate
from deployments.ingress.metrics import Metrics
from deployments.ingress.registry import Registry
from deployments.ingress.request_limits import Limit, RequestLimits
from izwi.errors import IzwiError, NotReady, Overloaded, TooManyMessages
from tests.clock import in_simulated_time


class Socket:
    def __init__(self, registry: Registry | None = None, session_id: str | None = None) -> None:
        self.session_id = session_id
        self.evicted = False
        self.told: list[str] = []
        self._registry = registry

    def evict(self, error: IzwiError) -> None:
        assert error.retryable
        self.evicted = True

    async def going_away(self, reason: str, *, elsewhere: bool) -> None:
        self.told.append(reason)
        if self._registry is not None:
            self._registry.leave(self)


def test_sockets_without_a_session_keep_nobody_out() -> None:
    registry = Registry(3, Metrics())
    idle = [Socket() for _ in range(100)]
    for one in idle:
        registry.connect(one)
    assert [one.evicted for one in idle] == [True] * 97 + [False] * 3
    honest = Socket()
    registry.connect(honest)
    registry.enter(honest)
    assert not honest.evicted


def test_sessions_are_limited_and_a_place_is_free_again() -> None:
    registry = Registry(2, Metrics())
    first, second, third = (Socket() for _ in range(3))
    for one in (first, second, third):
        registry.connect(one)
    registry.enter(first)
    registry.enter(second)
    with pytest.raises(Overloaded):
        registry.enter(third)
    registry.leave(first)
    registry.enter(third)


def test_a_session_that_comes_back_needs_no_other_place_than_that_of_its_dead_connection() -> None:
    registry = Registry(2, Metrics())
    dead, other, again, stranger = Socket(session_id="a"), Socket(session_id="b"), Socket(), Socket()
    for one in (dead, other):
        registry.enter(one)
    with pytest.raises(Overloaded):
        registry.enter(stranger, "c")
    registry.enter(again, "a")


async def test_a_drain_tells_sessions_ends_the_others_and_takes_no_more() -> None:
    registry = Registry(2, Metrics())
    live, waiting = Socket(registry), Socket()
    for one in (live, waiting):
        registry.connect(one)
    registry.enter(live)
    assert await registry.drain(1.0, "shutdown", elsewhere=True) == 0
    assert (live.told, waiting.evicted) == (["shutdown"], True)
    with pytest.raises(NotReady):
        registry.connect(Socket())


def test_messages_at_the_rate_pass_for_ever_and_a_burst_only_once() -> None:
    now = 0.0
    rate = MessageRate(100, lambda: now)
    for _ in range(10_000):
        now += 0.01
        rate.count()
    for _ in range(399):
        rate.count()
    with pytest.raises(TooManyMessages, match="100 messages"):
        rate.count()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    if body == b"sleep":
        await asyncio.sleep(10)
    if body == b"fail":
        raise ZeroDivisionError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if body in (b"go on", b"hang"):
        for _ in range(6):
            await asyncio.sleep(0.2 if body == b"go on" else 10)
            await send({"type": "http.response.body", "body": b".", "more_body": True})
    await send({"type": "http.response.body", "body": b"%d" % len(body)})


async def post(content: object, timeout_s: float = 10) -> httpx.Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"request_id": "r1"}
        await RequestLimits(application, lambda _: Limit(10, timeout_s))(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.post("http://test/", content=content)  # type: ignore[arg-type]


async def pieces(*parts: bytes):
    for part in parts:
        yield part


async def test_a_body_within_the_limit_is_read() -> None:
    assert (await post(b"0123456789")).text == "10"
    assert (await post(pieces(b"01234", b"56789"))).text == "10"


async def test_a_larger_one_is_refused_announced_or_not() -> None:
    for content in (b"0" * 11, pieces(b"01234", b"567890", b"more")):
        response = await post(content)
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "body_too_large"


@in_simulated_time
async def test_a_request_that_takes_too_long_is_ended() -> None:
    response = await post(b"sleep", timeout_s=0.05)
    assert response.status_code == 504
    assert response.json()["error"] == {
        "message": "the request took longer than 0.05 s",
        "type": "server_error",
        "param": None,
        "code": "request_timeout",
        "request_id": "r1",
    }


@in_simulated_time
async def test_an_answer_that_goes_on_takes_longer_than_that_and_one_that_does_not_is_broken_off() -> None:
    assert (await post(b"go on", timeout_s=1.0)).text == "......5"
    sent: list[Message] = []
    requests: list[Message] = [{"type": "http.request", "body": b"hang", "more_body": False}]

    async def receive() -> Message:
        return requests.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "path": "/", "headers": [], "state": {"request_id": "r1"}}
    await RequestLimits(application, lambda _: Limit(10, 0.05))(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]  # and no end: whoever reads it is told


async def test_other_failures_pass_through() -> None:
    with pytest.raises(ZeroDivisionError):
        await post(b"fail")
