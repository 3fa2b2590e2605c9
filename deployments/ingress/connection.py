"""One WebSocket on ``/ws/stream``: reads frames into a session and writes its events out.

Named tasks in one group: receive, send, ping, and those of the session. Whatever ends one of them ends all. The session
ends with its connection; its log is what another connection resumes it from.
"""

import asyncio
import base64
import binascii

import structlog
from starlette.types import Message
from starlette.websockets import WebSocket

from deployments.ingress import failures
from deployments.ingress.access import chosen_subprotocol
from deployments.ingress.emitter import Emitter
from deployments.ingress.intake import Intake, Overrun
from deployments.ingress.message_rate import MessageRate
from deployments.ingress.outbox import Gone, Outbox
from deployments.ingress.runner import Finished, Moved, Refused, Runner
from deployments.ingress.services import Services
from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.errors import (
    ClientError,
    ClientTimeout,
    InternalError,
    InvalidMessage,
    IzwiError,
    NotReady,
    TooManyMessages,
)
from izwi.keys import ANONYMOUS, Principal

START_LIMIT_S = 20.0
"""A connection that has not started a session by then is idle or an attack."""
MAX_BAD_FRAMES = 100
"""Malformed frames answered one by one before the connection is closed."""
MISSED_PINGS = 3
"""Intervals without a pong after which a client counts as gone. Other frames do not count: a client that sends and
never reads would let its events pile up in Serve's proxy."""
GOODBYE = frozenset({1000, 1001})
"""Close codes of a client that goes; one that was cut off has none, or 1006."""
SERVICE_RESTART = 1012
"""Close code of a server that stops and of which there are others: resume at once."""

log = structlog.get_logger()


class Left(Exception):
    """The client has gone on purpose, without ending its session."""


class Connection:
    """Serves one socket from accept to close."""

    def __init__(self, socket: WebSocket, services: Services, request_id: str) -> None:
        self._socket = socket
        self._services = services
        self._intake = Intake(services.settings)
        self._outbox = Outbox(socket, services.settings.session.speech_queue)
        self._emitter = Emitter(self._outbox, services.metrics, request_id)
        self._rate = MessageRate(services.settings.max_messages_per_s)
        self._runner: Runner | None = None
        self._evicted: asyncio.Future[IzwiError] = asyncio.get_running_loop().create_future()
        self._heard_at = self._now()
        self._audio_at = self._heard_at
        self._bad_frames = 0

    async def serve(self, owner: Principal = ANONYMOUS) -> str:
        """Run to the end; returns how: ``ended``, ``moved``, ``left``, ``disconnected`` or an error's wire code."""
        await self._socket.accept(chosen_subprotocol(self._socket.headers))
        outcome = "ended"
        try:
            async with asyncio.TaskGroup() as tasks:
                self._runner = Runner(self._services, self, owner, self._intake, self._outbox, self._emitter, tasks)
                tasks.create_task(self._receive(self._runner), name="receive")
                tasks.create_task(self._outbox.run(), name="send")
                tasks.create_task(self._ping(), name="ping")
                tasks.create_task(self._leave_early(), name="evict")
        except* Finished:
            await self._outbox.close(1000)
        except* Moved:
            outcome = "moved"
            await self._outbox.close(SERVICE_RESTART)
        except* Left:
            outcome = "left"
        except* Gone:
            outcome = "disconnected"
        except* Exception as group:
            outcome = await self._fail(failures.first(group))
        return outcome

    async def refuse(self, error: IzwiError) -> str:
        """Accept, say why not, close: a browser cannot read the reason of a refused handshake."""
        await self._socket.accept(chosen_subprotocol(self._socket.headers))
        return await self._fail(error)

    async def going_away(self, reason: str, *, elsewhere: bool) -> None:
        """This replica stops; see `Runner.going_away`."""
        if self._runner is None or not self._runner.running:
            self.evict(NotReady("this server is stopping; connect again"))
        else:
            await self._runner.going_away(reason, elsewhere=elsewhere)

    def evict(self, error: IzwiError) -> None:
        """End the connection, on which no session runs yet."""
        if not self._evicted.done():
            self._evicted.set_result(error)

    async def forget(self, outcome: str) -> None:
        """The connection is over, and how it ended."""
        if self._runner is not None:
            await self._runner.forget(outcome)

    # --- in ---------------------------------------------------------------------------------------------------------
    async def _receive(self, runner: Runner) -> None:
        deadline = self._now() + START_LIMIT_S
        while not self._intake.opened:
            try:
                async with asyncio.timeout_at(deadline):
                    frame = await self._socket.receive()
            except TimeoutError:
                raise ClientTimeout("no session.start in time") from None
            await self._handle(frame, runner)
        while True:
            await self._handle(await self._socket.receive(), runner)

    async def _leave_early(self) -> None:
        raise await self._evicted

    async def _handle(self, frame: Message, runner: Runner) -> None:
        if frame["type"] == "websocket.disconnect":
            raise Left if frame.get("code") in GOODBYE else Gone
        try:
            self._rate.count()
            await self._take(frame.get("bytes"), frame.get("text"), runner)
        except Refused as refused:
            raise refused.error from None
        except (Overrun, TooManyMessages):
            raise
        except ClientError as error:
            self._bad_frames += 1
            if self._bad_frames > MAX_BAD_FRAMES:
                raise
            await self._emitter.emit(self._emitter.error(error, fatal=False))

    async def _take(self, binary: bytes | None, text: str | None, runner: Runner) -> None:
        size, most = len(binary if binary is not None else text or ""), self._services.settings.max_message_bytes
        if size > most:
            raise InvalidMessage(f"frame of {size} bytes; the limit is {most}")
        if binary is not None:
            self._take_audio(binary)
            return
        match m.parse_client(text or ""):
            case m.SessionStartMessage(data=start):
                await runner.begin(start)
            case m.SessionResumeMessage(data=wanted):
                await runner.resume(wanted)
            case m.AudioAppendMessage(data=data):
                self._take_audio(_decode(data.audio))
            case m.AudioEndMessage():
                self._intake.end()
            case m.PingMessage():
                await self._emitter.emit(m.PongMessage())
            case m.PongMessage():
                self._heard_at = self._now()

    def _take_audio(self, data: bytes) -> None:
        self._audio_at = self._now()
        self._services.metrics.audio.inc(self._intake.push(data) / SAMPLE_RATE)

    # --- out --------------------------------------------------------------------------------------------------------
    async def _ping(self) -> None:
        """Ping, and end a connection that answers nothing (half-open, or a client that does not read), or over which
        nothing is said."""
        interval, idle_s = self._services.settings.ping_interval_s, self._services.settings.idle_timeout_s
        while True:
            await asyncio.sleep(interval)
            silent = self._now() - self._heard_at
            if silent > MISSED_PINGS * interval:
                raise ClientTimeout(f"no pong for {silent:.0f} s: the client is gone or does not read")
            if self._intake.waits and self._now() - self._audio_at > idle_s:
                raise ClientTimeout(f"no audio for {idle_s:g} s")
            await self._emitter.emit(m.PingMessage())

    async def _fail(self, error: Exception) -> str:
        if not isinstance(error, IzwiError):
            log.error("session_failed", exc_info=error)
            error = InternalError("the session failed; its request id is in the server's log")
        if not await self._outbox.close(failures.close_code(error), self._emitter.error(error, fatal=True)):
            log.info("client_gone_before_error", code=error.code)
        return error.code

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMessage("data.audio is not base64") from None
