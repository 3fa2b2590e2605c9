"""One WebSocket: reads frames into a session and writes its events out, in the words of its `Wire`.

Named tasks in one group: receive, send, ping, and those of the session. Whatever ends one of them ends all. The session
ends with its connection; its log is what another connection resumes it from.
"""

import asyncio

import structlog
from starlette.types import Message
from starlette.websockets import WebSocket

from deployments.ingress import failures
from deployments.ingress.access import chosen_subprotocol
from deployments.ingress.emitter import Emitter
from deployments.ingress.endings import Finished, Moved, Refused
from deployments.ingress.intake import Intake, Overrun
from deployments.ingress.message_rate import MessageRate
from deployments.ingress.outbox import Gone, Outbox
from deployments.ingress.runner import BROKEN, Runner
from deployments.ingress.services import Services
from izwi import messages as m
from izwi.audio import SAMPLE_RATE, Cut
from izwi.errors import (
    ClientError,
    ClientTimeout,
    InternalError,
    InvalidMessage,
    IzwiError,
    NotReady,
    TooManyMessages,
    UnknownMessageType,
)
from izwi.keys import ANONYMOUS, Principal
from izwi.wire import Audio, Begin, Command, End, Frame, Leave, Ping, Pong, Reply, Resume, Wire

START_LIMIT_S = 20.0
"""A connection that has not started a session by then is idle or an attack."""
MAX_BAD_FRAMES = 100
"""Malformed frames answered one by one before the connection is closed."""
MALFORMED = (InvalidMessage, UnknownMessageType)
"""Other errors happen to sound clients, and add up in a long session: a commit after a pause, a damaged packet."""
SILENT_S = 5.0
"""Without audio, after which nobody speaks whatever was said before."""
MISSED_PINGS = 3
"""Intervals without a pong after which a client counts as gone. Other frames do not count: a client that sends and
never reads would let its events pile up in Serve's proxy."""
GOODBYE = frozenset({1000, 1001})
"""Close codes of a client that goes; one that was cut off has none, or 1006."""
SERVICE_RESTART = 1012
"""Close code of a server that stops and of which there are others: connect again at once."""
SERVICE_GONE = 1001
"""Close code of a server that stops and is the only one."""

log = structlog.get_logger()


class Left(Exception):
    """The client has gone on purpose, without ending its session."""


class Connection:
    """Serves one socket from accept to close."""

    def __init__(self, socket: WebSocket, services: Services, wire: Wire, request_id: str) -> None:
        self._socket = socket
        self._services = services
        self._wire = wire
        self._intake = Intake(services.settings, wire.ahead_s)
        self._outbox = Outbox(socket, services.settings.session.speech_queue)
        self._emitter = Emitter(wire, self._outbox, services.metrics, request_id)
        self._rate = MessageRate(services.settings.max_messages_per_s)
        self._runner: Runner | None = None
        self._evicted: asyncio.Future[IzwiError] = asyncio.get_running_loop().create_future()
        self._heard_at = self._now()
        self._audio_at = self._heard_at
        self._bad_frames = 0
        self._close_code: int | None = None
        """Other than what the end of the session says: the server stops."""

    async def serve(self, owner: Principal = ANONYMOUS) -> str:
        """Run to the end; returns how: ``ended``, ``moved``, ``left``, ``disconnected``, ``broken`` or an error's wire
        code."""
        await self._socket.accept(chosen_subprotocol(self._socket.headers))
        outcome = "ended"
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = (self._intake, self._outbox, self._emitter)
                traceparent = self._socket.headers.get("traceparent", "")
                self._runner = Runner(self._services, self, self._wire, owner, *parts, tasks, traceparent)
                tasks.create_task(self._receive(self._runner), name="receive")
                tasks.create_task(self._outbox.run(), name="send")
                tasks.create_task(self._ping(), name="ping")
                tasks.create_task(self._leave_early(), name="evict")
        except* Finished:
            await self._outbox.close(self._close_code or 1000)
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
        if not self._wire.resumes:
            self._close_code = SERVICE_RESTART if elsewhere else SERVICE_GONE
        if self._runner is None or not self._runner.running:
            self.evict(NotReady("this server is stopping; connect again"))
        else:
            await self._runner.going_away(reason, elsewhere=elsewhere)

    def evict(self, error: IzwiError) -> None:
        """End the connection, on which no session runs yet."""
        if not self._evicted.done():
            self._evicted.set_result(error)

    @property
    def session_id(self) -> str | None:
        """Of the session that runs on it."""
        return self._runner.session_id if self._runner is not None else None

    @property
    def stretch(self) -> float | None:
        """See `Session.stretch`; None also where no audio has come for a while."""
        if self._runner is None or self._now() - self._audio_at > SILENT_S:
            return None
        return self._runner.stretch

    async def forget(self, outcome: str) -> None:
        """The connection is over, and how it ended."""
        if self._runner is not None:
            await self._runner.forget(outcome)

    # --- in ---------------------------------------------------------------------------------------------------------
    async def _receive(self, runner: Runner) -> None:
        if self._wire.greets:
            await self._greet(runner)
        deadline = self._now() + START_LIMIT_S
        while not self._wire.greets and not self._intake.opened:
            try:
                async with asyncio.timeout_at(deadline):
                    frame = await self._socket.receive()
            except TimeoutError:
                raise ClientTimeout("no session.start in time") from None
            await self._handle(frame, runner)
        while True:
            await self._handle(await self._socket.receive(), runner)

    async def _greet(self, runner: Runner) -> None:
        try:
            await runner.enter(m.SessionStart(speech=False))
        except Refused as refused:
            raise refused.error from None
        await self._emitter.say(self._wire.greet(self._socket.query_params, runner.check))

    async def _leave_early(self) -> None:
        raise await self._evicted

    async def _handle(self, frame: Message, runner: Runner) -> None:
        if frame["type"] == "websocket.disconnect":
            raise Left if frame.get("code") in GOODBYE else Gone
        try:
            self._rate.count()
            binary, text = frame.get("bytes"), frame.get("text")
            await self._take(text or "" if binary is None else binary, runner)
        except Refused as refused:
            raise refused.error from None
        except (Overrun, TooManyMessages):
            raise
        except ClientError as error:
            self._bad_frames += isinstance(error, MALFORMED)
            if self._bad_frames > MAX_BAD_FRAMES:
                raise
            await self._emitter.reject(error)

    async def _take(self, frame: Frame, runner: Runner) -> None:
        size, most = len(frame), self._services.settings.max_message_bytes
        if size > most:
            raise InvalidMessage(f"frame of {size} bytes; the limit is {most}")
        for command in self._wire.read(frame):
            await self._follow(command, runner)

    async def _follow(self, command: Command, runner: Runner) -> None:
        match command:
            case Begin(start, settings):
                await runner.begin(start, settings)
            case Resume(wanted):
                await runner.resume(wanted)
            case Audio(data):
                self._take_audio(data)
            case Cut():
                self._intake.cut()
            case End():
                self._intake.end()
            case Leave():
                raise Finished
            case Reply(frames):
                await self._emitter.say(frames)
            case Ping():
                await self._emitter.emit(m.PongMessage())
            case Pong():
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
            silent = self._now() - self._heard_at if self._wire.pongs else 0.0
            if silent > MISSED_PINGS * interval:
                raise ClientTimeout(f"no pong for {silent:.0f} s: the client is gone or does not read")
            if self._intake.waits and self._now() - self._audio_at > idle_s:
                raise ClientTimeout(f"no audio for {idle_s:g} s")
            await self._emitter.emit(m.PingMessage())

    async def _fail(self, error: Exception) -> str:
        if not isinstance(error, IzwiError):
            log.error("session_failed", exc_info=error)
            error = InternalError("the session failed; its request id is in the server's log")
            if self._runner is not None and self._runner.resumable:
                # What nobody foresaw need not happen again, and all that matters is stored. A client whose connection
                # breaks again and again without anything new gives up.
                await self._outbox.close(SERVICE_RESTART, self._emitter.error(error, fatal=False))
                return BROKEN
        code = self._close_code or failures.close_code(error)
        if not await self._outbox.close(code, self._emitter.error(error, fatal=True)):
            log.info("client_gone_before_error", code=error.code)
        return error.code

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
