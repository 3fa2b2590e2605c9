"""One WebSocket on ``/ws/stream``: reads frames into a session and writes its events out.

Four named tasks in one group: receive, session, send, ping. Whatever ends one of them ends all.
"""

import asyncio
import base64
import binascii
import time
import uuid
from dataclasses import dataclass

import structlog
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from deployments.ingress import admission
from deployments.ingress.calls import StageCalls
from deployments.ingress.health import describe
from deployments.ingress.intake import Intake, Overrun
from deployments.ingress.metrics import Metrics
from deployments.ingress.registry import Registry
from deployments.store.store import SessionStore
from izwi import PROTOCOL_VERSION
from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.errors import (
    ClientError,
    ClientTimeout,
    InternalError,
    InvalidMessage,
    IzwiError,
    Overloaded,
    StoreUnavailable,
)
from izwi.session import Session
from izwi.settings import Settings

START_LIMIT_S = 20.0
"""A connection that has not started a session by then is idle or an attack."""
MAX_BAD_FRAMES = 100
"""Malformed frames answered one by one before the connection is closed."""
MISSED_PINGS = 3
"""Intervals without a pong after which a client counts as gone. Other frames do not count: a client that sends and
never reads would let its events pile up in Serve's proxy."""
SLOW_READER_S = 30.0
"""A client that takes nothing for this long is disconnected: its events must not pile up."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Services:
    """What a connection needs from its replica."""

    settings: Settings
    calls: StageCalls
    store: SessionStore
    metrics: Metrics
    registry: Registry
    newcomers: admission.Newcomers


class _Finished(Exception):
    """Leaves the task group: the session has ended as it should."""


class _Gone(Exception):
    """Leaves the task group: the client has gone."""


class Connection:
    """Serves one socket from accept to close."""

    def __init__(self, socket: WebSocket, services: Services, request_id: str) -> None:
        limits = services.settings.session
        self._socket = socket
        self._services = services
        self._request_id = request_id
        self._session_id = uuid.uuid4().hex
        self._intake = Intake(services.settings)
        self._outbox: asyncio.Queue[tuple[m.ServerMessage, bytes | None]] = asyncio.Queue(limits.speech_queue)
        self._heard_at = asyncio.get_running_loop().time()
        self._emitting = asyncio.Lock()
        self._base64_out = False
        self._seq = 0
        self._bad_frames = 0

    async def serve(self) -> str:
        """Run to the end; returns how it ended: ``ended``, ``disconnected`` or an error's wire code."""
        await self._socket.accept()
        outcome = "ended"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(tasks), name="receive")
                tasks.create_task(self._send(), name="send")
                tasks.create_task(self._ping(), name="ping")
        except* _Finished:
            await self._socket.close(1000)
        except* _Gone:
            outcome = "disconnected"
        except* Exception as group:
            outcome = await self._fail(_first(group))
        return outcome

    async def refuse(self, error: IzwiError) -> None:
        """Accept, say why not, close: a browser cannot read the reason of a refused handshake."""
        await self._socket.accept()
        await self._fail(error)

    async def going_away(self, reason: str) -> None:
        """Announce the end of this server; audio in hand is still finished."""
        await self._emit(m.SessionGoingAwayMessage(data=m.SessionGoingAway(reason=reason)), None)
        self._intake.cut_off()

    async def forget(self) -> None:
        """The connection is over: its session leaves the index of live ones."""
        try:
            await self._services.store.end(self._session_id)
        except StoreUnavailable as error:
            self._services.metrics.errors.labels(error.code).inc()

    # --- in ---------------------------------------------------------------------------------------------------------
    async def _receive(self, tasks: asyncio.TaskGroup) -> None:
        deadline = asyncio.get_running_loop().time() + START_LIMIT_S
        while not self._intake.opened:
            try:
                async with asyncio.timeout_at(deadline):
                    frame = await self._socket.receive()
            except TimeoutError:
                raise ClientTimeout(f"no session.start within {START_LIMIT_S:.0f} s") from None
            await self._handle(frame, tasks)
        while True:
            await self._handle(await self._socket.receive(), tasks)

    async def _handle(self, frame: Message, tasks: asyncio.TaskGroup) -> None:
        if frame["type"] == "websocket.disconnect":
            raise _Gone
        try:
            await self._take(frame.get("bytes"), frame.get("text"), tasks)
        except _Refused as refused:
            raise refused.error from None
        except Overrun:
            raise
        except ClientError as error:
            self._bad_frames += 1
            if self._bad_frames > MAX_BAD_FRAMES:
                raise
            await self._emit(self._error(error, fatal=False), None)

    async def _take(self, binary: bytes | None, text: str | None, tasks: asyncio.TaskGroup) -> None:
        size = len(binary if binary is not None else text or "")
        if size > self._services.settings.max_message_bytes:
            raise InvalidMessage(f"frame of {size} bytes; the limit is {self._services.settings.max_message_bytes}")
        if binary is not None:
            self._take_audio(binary)
            return
        match m.parse_client(text or ""):
            case m.SessionStartMessage(data=start):
                await self._open(start, tasks)
            case m.AudioAppendMessage(data=data):
                self._take_audio(_decode(data.audio))
            case m.AudioEndMessage():
                self._intake.end()
            case m.PingMessage():
                await self._emit(m.PongMessage(), None)
            case m.PongMessage():
                self._heard_at = asyncio.get_running_loop().time()

    async def _open(self, start: m.SessionStart, tasks: asyncio.TaskGroup) -> None:
        services = self._services
        self._intake.open(start.audio)
        try:
            capabilities = await services.calls.capabilities()
            admission.check(start, capabilities)
            services.newcomers.admit(services.calls.wait_s)
        except IzwiError as error:
            raise _Refused(error) from None
        self._base64_out = start.speech_transport == "base64"
        await self._remember({"state": "live", "source": start.source_language, "target": start.target_language or ""})
        started = m.SessionStarted(
            session_id=self._session_id,
            protocol=PROTOCOL_VERSION,
            window_samples=self._intake.window,
            engines=describe(capabilities),
        )
        await self._emit(m.SessionStartedMessage(data=started), None)
        tasks.create_task(self._run_session(start), name="session")

    def _take_audio(self, data: bytes) -> None:
        self._services.metrics.audio.inc(self._intake.push(data) / SAMPLE_RATE)

    # --- session ----------------------------------------------------------------------------------------------------
    async def _run_session(self, start: m.SessionStart) -> None:
        services, intake = self._services, self._intake
        session = Session(start, services.settings, services.calls.stages(), self._emit, lambda: intake.live)
        await session.run(self._intake.stream())
        await self._outbox.join()
        raise self._intake.failure or _Finished

    async def _emit(self, message: m.ServerMessage, payload: bytes | None) -> None:
        """Number, remember and queue an event. One at a time: the session's steps emit at once."""
        self._services.metrics.emitted(message)
        async with self._emitting:
            if message.durable:
                self._seq += 1
                await self._remember({"seq": self._seq})
            if isinstance(message, m.ErrorMessage) and not message.data.request_id:
                self._services.metrics.errors.labels(message.data.code).inc()
                data = message.data.model_copy(update={"request_id": self._request_id})
                message = message.model_copy(update={"data": data})
            await self._outbox.put((message.model_copy(update={"seq": self._seq, "timestamp": time.time()}), payload))

    async def _remember(self, fields: dict[str, str | int | float]) -> None:
        """Keep the session's entry current; without Redis the session goes on and readiness says why not."""
        try:
            await self._services.store.save(self._session_id, fields)
        except StoreUnavailable as error:
            self._services.metrics.errors.labels(error.code).inc()

    # --- out --------------------------------------------------------------------------------------------------------
    async def _send(self) -> None:
        while True:
            message, payload = await self._outbox.get()
            try:
                async with asyncio.timeout(SLOW_READER_S):
                    await self._write(message, payload)
            except TimeoutError:
                raise Overloaded("the client does not read its events") from None
            self._outbox.task_done()

    async def _write(self, message: m.ServerMessage, payload: bytes | None) -> None:
        if payload is not None and self._base64_out and isinstance(message, m.SpeechAudioMessage):
            audio = base64.b64encode(payload).decode()
            message = message.model_copy(update={"data": message.data.model_copy(update={"audio": audio})})
            payload = None
        try:
            await self._socket.send_text(message.model_dump_json())
            if payload is not None:
                await self._socket.send_bytes(payload)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise _Gone from error  # Starlette raises RuntimeError when it writes to a closed socket

    async def _ping(self) -> None:
        """Ping, and end a connection that answers nothing: half-open, or a client that does not read."""
        interval = self._services.settings.ping_interval_s
        while True:
            await asyncio.sleep(interval)
            silent = asyncio.get_running_loop().time() - self._heard_at
            if silent > MISSED_PINGS * interval:
                raise ClientTimeout(f"no pong for {silent:.0f} s: the client is gone or does not read")
            await self._emit(m.PingMessage(), None)

    async def _fail(self, error: Exception) -> str:
        if not isinstance(error, IzwiError):
            log.error("session_failed", exc_info=error)
            error = InternalError("the session failed; its request id is in the server's log")
        try:
            async with asyncio.timeout(SLOW_READER_S):
                while not self._outbox.empty():
                    await self._write(*self._outbox.get_nowait())
                await self._write(self._error(error, fatal=True), None)
                await self._socket.close(_close_code(error))
        except (TimeoutError, _Gone, WebSocketDisconnect, RuntimeError):
            log.info("client_gone_before_error", code=error.code)
        return error.code

    def _error(self, error: IzwiError, *, fatal: bool) -> m.ErrorMessage:
        self._services.metrics.errors.labels(error.code).inc()
        data = m.ErrorData(
            code=error.code,
            message=str(error),
            retryable=error.retryable,
            fatal=fatal,
            request_id=self._request_id,
            retry_after_s=error.retry_after_s,
        )
        return m.ErrorMessage(data=data, seq=self._seq, timestamp=time.time())


class _Refused(Exception):
    """A client error that ends the connection."""

    def __init__(self, error: IzwiError) -> None:
        self.error = error


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMessage("data.audio is not base64") from None


def _close_code(error: IzwiError) -> int:
    """RFC 6455 codes: 1013 asks to try again later, 1008 says the client is at fault, 1011 that we are."""
    if error.retryable:
        return 1013
    return 1008 if isinstance(error, ClientError) else 1011


def _first(group: BaseExceptionGroup[BaseException]) -> Exception:
    """The first leaf of a (nested) group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else InternalError(type(error).__name__)
