"""The Python client of the native protocol: connects, paces, keeps to its credit, gives typed events, and resumes.

async with IzwiClient(url).session(SessionStart(target_language="es")) as session:
    ...  # in one task: await session.send(samples) as often as needed, then await session.end()
    async for event in session:  # in another one
        ...

A connection that breaks is replaced: what the server has not acknowledged is sent again, what it has said meanwhile is
read, and neither side of the application notices more than a pause.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from izwi.client_events import Event
from izwi.client_link import answer, error_of, lost, open_link, passing
from izwi.client_outbound import Outbound
from izwi.client_pacing import stream_paced as stream_paced
from izwi.client_reconnect import Reconnector
from izwi.client_speech import OpusEar, PcmEar, speech_of
from izwi.errors import AudioTooLong, InternalError, IzwiError, Unavailable
from izwi.messages import (
    AudioProgressMessage,
    ErrorMessage,
    PingMessage,
    PongMessage,
    SessionEndedMessage,
    SessionResumableMessage,
    SessionStart,
    SessionStartedMessage,
    SessionStartMessage,
    SpeechAudioMessage,
    parse_server,
)
from izwi.replay import Reading
from izwi.stages import Samples

RESUME_FOR_S = 60.0


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
        """A session to be entered with ``async with``.

        Args:
            start: ``audio`` may ask for 16-bit PCM at 16 kHz, the default, or for Opus, and so may ``speech_format``:
                samples are encoded on their way out, and speech is decoded.

        Raises:
            ValueError: the client does not send ``audio`` of that format.
        """
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
        self._outbound = Outbound(start.audio, clock)
        self._ear = OpusEar() if start.speech_format == "opus" else PcmEar()
        self._reconnector = Reconnector(connect, resume_for_s)
        self._reading = Reading()
        self._resumable = True
        self._tasks: list[asyncio.Task[None]] = []
        # Not bounded: a consumer that first sends everything and then reads must not stop the credit from coming.
        self._events: asyncio.Queue[tuple[float, Event | None]] = asyncio.Queue()
        self._failure: IzwiError | None = None
        self.started: SessionStartedMessage
        self.sent = self._outbound.sent
        self.received_at = 0.0
        """Monotonic time at which the event yielded last came in."""

    @property
    def resumes(self) -> int:
        """How often the connection was replaced."""
        return self._reconnector.count

    async def __aenter__(self) -> Self:
        socket = await self._connect()
        try:
            with suppress(ConnectionClosed):  # a server that refuses says why before it closes
                await socket.send(SessionStartMessage(data=self._start).model_dump_json())
            self.started = await answer(socket, SessionStartedMessage)
        except ConnectionClosed as closed:
            raise lost(closed) from None
        except BaseException:
            await socket.close()
            raise
        self._resumable = self.started.data.resumable
        await self._outbound.attach(socket, 0, self.started.data.window_samples)
        self._tasks = [
            asyncio.create_task(self._read(socket), name="izwi-client-reader"),
            asyncio.create_task(self._outbound.run(), name="izwi-client-writer"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._outbound.socket:
            await self._outbound.socket.close()

    async def send(self, samples: Samples) -> None:
        """Send audio; waits while more than the server's window would be unacknowledged. While the connection is being
        replaced, audio is kept."""
        await self._outbound.append(samples)

    async def end(self) -> None:
        """Say that no more audio comes; the server finishes what it has, then ends the session."""
        await self._outbound.end()

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

    async def _read(self, socket: ClientConnection) -> None:
        """Read until the session is over, over as many connections as it takes."""
        try:
            while True:
                try:
                    await self._receive(socket)
                    return
                except ConnectionClosed as closed:
                    if not (passing(closed) and self._may_resume):
                        raise lost(closed) from None
                except Unavailable:  # told by the server, as fatal
                    if not self._may_resume:
                        raise
                    await socket.close()
                socket = await self._resume()
        except IzwiError as error:
            self._failure = error
        except Exception as error:
            self._failure = InternalError(f"the client failed: {error!r}")
            self._failure.__cause__ = error
        finally:
            self._events.put_nowait((self._clock(), None))
            await self._outbound.close(self._failure)

    @property
    def _may_resume(self) -> bool:
        return self._resumable and self._reconnector.enabled

    async def _resume(self) -> ClientConnection:
        """Replace the connection; raises the error of the last attempt."""
        await self._outbound.detach()
        socket, resumed = await self._reconnector.resume(self._reading.resume(self.started.data))
        self._ear.interrupt()
        await self._outbound.attach(socket, resumed.data.from_samples, resumed.data.window_samples)
        self._events.put_nowait((self._clock(), resumed))
        return socket

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
                    event: Event = await speech_of(socket, message, self._ear)
                case ErrorMessage() if message.data.fatal:
                    raise error_of(message.data)
                case _:
                    event = message
            if not self._reading.note(message):
                continue
            if message.durable or isinstance(message, AudioProgressMessage):
                self._reconnector.progressed()
            await self._note(event)
            self._events.put_nowait((at, event))
            if isinstance(event, SessionEndedMessage):
                if event.data.reason == AudioTooLong.code:
                    raise AudioTooLong(f"the server took {event.data.audio_s:.0f} s and no more in one session")
                return

    async def _note(self, event: Event) -> None:
        match event:
            case AudioProgressMessage(data=data):
                await self._outbound.progress(data)
            case SessionResumableMessage(data=data):
                self._resumable = data.resumable
            case _:
                pass
