"""The Python client of the native protocol: connects, paces, keeps to its credit, gives typed events, and resumes.

async with IzwiClient(url).session(SessionStart(target_language="es")) as session:
    ...  # in one task: await session.send(samples) as often as needed, then await session.end()
    async for event in session:  # in another one
        ...

A connection that breaks is replaced: what the server has not acknowledged is sent again, what it has said meanwhile is
read, and neither side of the application notices more than a pause.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from izwi.audio import SAMPLE_RATE, to_pcm16
from izwi.client_events import Event
from izwi.client_link import error_of, lost, open_link, passing, speech_of
from izwi.errors import ClientError, InternalError, IzwiError, ProtocolViolation, Unavailable
from izwi.messages import (
    AudioEndMessage,
    AudioProgressMessage,
    ErrorMessage,
    PingMessage,
    PongMessage,
    SessionEndedMessage,
    SessionResumableMessage,
    SessionResumedMessage,
    SessionResumeMessage,
    SessionStart,
    SessionStartedMessage,
    SessionStartMessage,
    SpeechAudioMessage,
    parse_server,
)
from izwi.pacing import SendClock, rechunk
from izwi.replay import Reading, ReplayBuffer
from izwi.stages import Samples

T = TypeVar("T", SessionStartedMessage, SessionResumedMessage)

MAX_FRAME_SAMPLES = SAMPLE_RATE // 2
"""Longest frame sent: half a second stays far below the server's frame limit and its credit window."""
RESUME_FOR_S = 60.0
STEADY_S = 10.0
"""A connection that lasted so long was a good one: servers end even those, when they are replaced."""
FIRST_BACK_OFF_S = 0.2
LONGEST_BACK_OFF_S = 1.0
"""Before attempts to resume: short, because somebody is speaking, and random, because others were cut off as well."""


class IzwiClient:
    """Where the server is.

    Args:
        url: may lack its path: ``ws://host:port`` means ``/ws/stream`` there.
        resume_for_s: how long to try to resume a session whose connection broke; 0 to give up at once.
        api_key: or a token, where the server wants one.
    """

    def __init__(
        self,
        url: str = "ws://127.0.0.1:8000",
        clock: Callable[[], float] = time.monotonic,
        resume_for_s: float = RESUME_FOR_S,
        api_key: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(path=parts.path.rstrip("/") or "/ws/stream"))
        self._clock = clock
        self._resume_for_s = resume_for_s
        self._api_key = api_key

    def session(self, start: SessionStart | None = None) -> "Session":
        """A session to be entered with ``async with``; its audio is sent as 16-bit mono at 16 kHz."""
        connect = partial(open_link, self.url, self._api_key)
        return Session(connect, start or SessionStart(), self._clock, self._resume_for_s)


class Session:
    """One live session. Sending and receiving may run in separate tasks; each side in one task only.

    Raises on entering, sending and iterating: the `IzwiError` that the server sent as fatal, `Overloaded` or
    `Unavailable` where the connection failed and could not be replaced, `SessionGone` where the server had forgotten
    the session.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[ClientConnection]],
        start: SessionStart,
        clock: Callable[[], float],
        resume_for_s: float,
    ) -> None:
        self._connect = connect
        self._start = start
        self._clock = clock
        self._resume_for_s = resume_for_s
        self._socket: ClientConnection | None = None
        """None while there is no connection."""
        self._tasks: list[asyncio.Task[None]] = []
        # Not bounded: a consumer that first sends everything and then reads must not stop the credit from coming.
        self._events: asyncio.Queue[tuple[float, Event | None]] = asyncio.Queue()
        self._changed = asyncio.Condition()
        self._failure: IzwiError | None = None
        self._over = False
        self._audio = ReplayBuffer()
        self._reading = Reading()
        self._next_sample = 0
        self._credit_from = 0
        self._ending = self._end_told = False
        self._resumable = True
        self._window = 0
        self._broke_at: float | None = None
        """When the connection broke, until a later one has brought something new or has lasted."""
        self._connected_at = 0.0
        self.resumes = 0
        """How often the connection was replaced."""
        self.started: SessionStartedMessage
        self.sent = SendClock()
        self.received_at = 0.0
        """Monotonic time at which the event yielded last came in."""

    async def __aenter__(self) -> Self:
        self._socket = socket = await self._connect()
        try:
            with suppress(ConnectionClosed):  # a server that refuses says why before it closes
                await socket.send(SessionStartMessage(data=self._start).model_dump_json())
            self.started = await self._answer(socket, SessionStartedMessage)
        except ConnectionClosed as closed:
            raise lost(closed) from None
        except BaseException:
            await socket.close()
            raise
        self._resumable = self.started.data.resumable
        self._window = self.started.data.window_samples
        self._tasks = [
            asyncio.create_task(self._read(socket), name="izwi-client-reader"),
            asyncio.create_task(self._write(), name="izwi-client-writer"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._socket:
            await self._socket.close()

    async def send(self, samples: Samples) -> None:
        """Send audio; waits while more than the server's window would be unacknowledged. While the connection is being
        replaced, audio is kept."""
        step = min(MAX_FRAME_SAMPLES, self._window)
        for first in range(0, len(samples), step):
            piece = samples[first : first + step]
            async with self._changed:
                await self._changed.wait_for(
                    lambda piece=piece: self._over or self._audio.end + len(piece) - self._credit_from <= self._window
                )
                self._check()
                self._audio.append(piece)
                self._changed.notify_all()
            self.sent.sent(len(piece), self._clock())

    async def end(self) -> None:
        """Say that no more audio comes; the server finishes what it has, then ends the session."""
        async with self._changed:
            self._check()
            self._ending = True
            self._changed.notify_all()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events in order, `SessionEndedMessage` last."""
        while True:
            self.received_at, event = await self._events.get()
            if event is None:
                self._events.put_nowait((self.received_at, None))  # whoever asks again gets the same answer
                if self._failure:
                    raise self._failure
                return
            yield event

    def _check(self) -> None:
        if self._over:
            raise self._failure or ProtocolViolation("the session is over")

    # --- out ------------------------------------------------------------------------------------------------------
    async def _write(self) -> None:
        """Send what is in the buffer and has not been sent over this connection, as far as the credit goes."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._socket is not None and (self._due() or self._end_due()))
                socket, count = self._socket, self._due()
                piece = self._audio.read(self._next_sample, count)
                self._next_sample += count
                self._end_told = not count
            try:
                if socket is not None:
                    await socket.send(to_pcm16(piece) if count else AudioEndMessage().model_dump_json())
            except ConnectionClosed:  # the reader replaces it
                async with self._changed:
                    if self._socket is socket:
                        self._socket = None

    def _due(self) -> int:
        """Samples to send now."""
        credit = self._credit_from + self._window - self._next_sample
        return max(0, min(self._audio.end - self._next_sample, credit, MAX_FRAME_SAMPLES))

    def _end_due(self) -> bool:
        return self._ending and not self._end_told and self._next_sample >= self._audio.end

    # --- in -------------------------------------------------------------------------------------------------------
    async def _read(self, socket: ClientConnection) -> None:
        """Read until the session is over, over as many connections as it takes."""
        try:
            while True:
                try:
                    await self._receive(socket)
                    return
                except ConnectionClosed as closed:
                    if not (passing(closed) and self._resumable and self._resume_for_s):
                        raise lost(closed) from None
                except Unavailable:  # told by the server, as fatal
                    if not (self._resumable and self._resume_for_s):
                        raise
                    await socket.close()
                socket = await self._resume()
        except IzwiError as error:
            self._failure = error
        except Exception as error:
            self._failure = InternalError(f"the client failed: {error!r}")
            self._failure.__cause__ = error
        finally:
            self._over = True
            self._events.put_nowait((self._clock(), None))
            async with self._changed:
                self._changed.notify_all()

    async def _resume(self) -> ClientConnection:
        """Replace the connection; raises the error of the last attempt."""
        async with self._changed:
            self._socket = None
        now = time.monotonic()
        if now - self._connected_at > STEADY_S:
            self._broke_at = None
        again, self._broke_at = self._broke_at is not None, self._broke_at or now
        left_s = self._broke_at + self._resume_for_s - now
        if left_s <= 0:
            raise Unavailable(f"the connection broke again and again for {self._resume_for_s:g} s")
        await asyncio.sleep(random.uniform(0, LONGEST_BACK_OFF_S if again else FIRST_BACK_OFF_S))
        async for attempt in AsyncRetrying(
            stop=stop_after_delay(left_s),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_BACK_OFF_S),
            retry=retry_if_exception_type(Unavailable),
            reraise=True,
        ):
            with attempt:
                try:
                    socket = await self._connect()
                except ClientError as error:  # a proxy that has just started knows no server yet, and answers 404
                    raise Unavailable(str(error)) from None
                try:
                    wanted = SessionResumeMessage(data=self._reading.resume(self.started.data))
                    with suppress(ConnectionClosed):
                        await socket.send(wanted.model_dump_json())
                    resumed = await self._answer(socket, SessionResumedMessage)
                except ConnectionClosed as closed:
                    raise Unavailable(f"the connection was lost: {closed}") from None
                except BaseException:
                    await socket.close()
                    raise
                async with self._changed:
                    self._next_sample = self._credit_from = resumed.data.from_samples
                    self._window = resumed.data.window_samples
                    self._end_told = False
                    self._socket = socket
                    self._changed.notify_all()
                self.resumes += 1
                self._connected_at = time.monotonic()
                self._events.put_nowait((self._clock(), resumed))
                return socket
        raise InternalError("unreachable: the last attempt returns or raises")

    async def _answer(self, socket: ClientConnection, kind: type[T]) -> T:
        """The server's first message, which also becomes an event; raises the error that it may be."""
        while True:
            message = parse_server(await socket.recv())
            match message:
                case PingMessage():
                    await socket.send(PongMessage().model_dump_json())
                case ErrorMessage():
                    raise error_of(message.data)
                case _ if isinstance(message, kind):
                    return message
                case _:
                    raise ProtocolViolation(f"the server began with {message}")

    async def _receive(self, socket: ClientConnection) -> None:
        """Read until the session ends; returns then, raises on a fatal error."""
        while True:
            message = parse_server(await socket.recv())
            at = self._clock()
            match message:
                case PingMessage():
                    await socket.send(PongMessage().model_dump_json())
                    continue
                case PongMessage():
                    continue
                case SpeechAudioMessage():
                    event: Event = await speech_of(socket, message)
                case ErrorMessage() if message.data.fatal:
                    raise error_of(message.data)
                case _:
                    event = message
            if not self._reading.note(message):
                continue
            if message.durable or isinstance(message, AudioProgressMessage):
                self._broke_at = None
            await self._note(event)
            self._events.put_nowait((at, event))
            if isinstance(event, SessionEndedMessage):
                return

    async def _note(self, event: Event) -> None:
        match event:
            case AudioProgressMessage(data=data):
                self._audio.acknowledge(data.acknowledged_samples)
                async with self._changed:
                    self._credit_from = data.received_samples
                    self._changed.notify_all()
            case SessionResumableMessage(data=data):
                self._resumable = data.resumable
            case _:
                pass


async def stream_paced(session: Session, chunks: Iterable[Samples], chunk_ms: int = 100, speed: float = 1.0) -> None:
    """Send audio as a microphone would: each chunk leaves once it has been spoken.

    Times are scheduled from the start, so that late sends are caught up and nothing drifts.

    Args:
        session: an entered session.
        chunks: pieces of any length; they are cut anew into ``chunk_ms``.
        speed: 2 is twice real time; 0 sends as fast as the credit allows.
    """
    start, spoken = time.monotonic(), 0
    for chunk in rechunk(chunks, chunk_ms * SAMPLE_RATE // 1000):
        spoken += len(chunk)
        if speed > 0:
            await asyncio.sleep(max(0.0, start + spoken / SAMPLE_RATE / speed - time.monotonic()))
        await session.send(chunk)
