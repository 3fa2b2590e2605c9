"""The Python client of the native protocol: connects, paces, keeps to its credit, gives typed events.

async with IzwiClient(url).session(SessionStart(target_language="es")) as session:
    ...  # in one task: await session.send(samples) as often as needed, then await session.end()
    async for event in session:  # in another one
        ...
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from izwi.audio import SAMPLE_RATE, to_pcm16
from izwi.client_events import Event, Speech
from izwi.errors import ClientError, InternalError, IzwiError, Overloaded, ProtocolViolation, Unavailable, error_classes
from izwi.messages import (
    AudioEndMessage,
    AudioProgressMessage,
    ErrorData,
    ErrorMessage,
    Message,
    PingMessage,
    PongMessage,
    SessionEndedMessage,
    SessionStart,
    SessionStartedMessage,
    SessionStartMessage,
    SpeechAudioMessage,
    parse_server,
)
from izwi.pacing import SendClock, rechunk
from izwi.stages import Samples

MAX_FRAME_SAMPLES = SAMPLE_RATE // 2
"""Longest frame sent: half a second stays far below the server's frame limit and its credit window."""
MAX_MESSAGE_BYTES = 16_000_000
"""Largest frame accepted: a clause of speech is below 1 MB, in base64 too."""
TRY_AGAIN_LATER = 1013
"""WebSocket close code of a server without room."""


class IzwiClient:
    """Where the server is. ``url`` may lack its path: ``ws://host:port`` means ``/ws/stream`` there."""

    def __init__(self, url: str = "ws://127.0.0.1:8000", clock: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(path=parts.path.rstrip("/") or "/ws/stream"))
        self._clock = clock

    def session(self, start: SessionStart | None = None) -> "Session":
        """A session to be entered with ``async with``; its audio is sent as 16-bit mono at 16 kHz."""
        return Session(self.url, start or SessionStart(), self._clock)


class Session:
    """One live session. Sending and receiving may run in separate tasks; each side in one task only.

    Raises on entering, sending and iterating: the `IzwiError` that the server sent as fatal, `Overloaded` or
    `Unavailable` where the connection failed or broke.
    """

    def __init__(self, url: str, start: SessionStart, clock: Callable[[], float]) -> None:
        self._url = url
        self._start = start
        self._clock = clock
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        # Not bounded: a consumer that first sends everything and then reads must not stop the credit from coming.
        self._events: asyncio.Queue[tuple[float, Event | None]] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._failure: IzwiError | None = None
        self._over = False
        self._received_samples = 0
        self.started: SessionStartedMessage
        self.sent = SendClock()
        self.received_at = 0.0
        """Monotonic time at which the event yielded last came in."""

    async def __aenter__(self) -> Self:
        self._socket = await _connect(self._url)
        try:
            self._reader = asyncio.create_task(self._read(self._socket), name="izwi-client-reader")
            await self._write(SessionStartMessage(data=self._start))
            event = await self._next()
            if not isinstance(event, SessionStartedMessage):
                raise ProtocolViolation(f"the server began with {event}")
        except BaseException:
            await self._close()
            raise
        self.started = event
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def send(self, samples: Samples) -> None:
        """Send audio; waits while more than the server's window would be unacknowledged."""
        window = self.started.data.window_samples
        step = min(MAX_FRAME_SAMPLES, window)
        for first in range(0, len(samples), step):
            piece = samples[first : first + step]
            while not self._over and self.sent.samples + len(piece) - self._received_samples > window:
                self._changed.clear()
                await self._changed.wait()
            await self._write(to_pcm16(piece))
            self.sent.sent(len(piece), self._clock())

    async def end(self) -> None:
        """Say that no more audio comes; the server finishes what it has, then ends the session."""
        await self._write(AudioEndMessage())

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events in order, `SessionEndedMessage` last."""
        while (event := await self._next()) is not None:
            yield event

    async def _next(self) -> Event | None:
        self.received_at, event = await self._events.get()
        if event is None:
            self._events.put_nowait((self.received_at, None))  # whoever asks again gets the same answer
            if self._failure:
                raise self._failure
        return event

    async def _write(self, frame: Message | bytes) -> None:
        if self._socket is None or self._over:
            raise self._failure or ProtocolViolation("the session is over")
        try:
            await self._socket.send(frame if isinstance(frame, bytes) else frame.model_dump_json())
        except ConnectionClosed:
            if self._reader:
                await asyncio.wait([self._reader])  # it knows why
            raise self._failure or ProtocolViolation("the session is over") from None

    async def _read(self, socket: ClientConnection) -> None:
        try:
            await self._receive(socket)
        except ConnectionClosed as closed:
            kind = Overloaded if closed.rcvd and closed.rcvd.code == TRY_AGAIN_LATER else Unavailable
            self._failure = kind(f"the connection was lost: {closed}")
        except IzwiError as error:
            self._failure = error
        except Exception as error:
            self._failure = InternalError(f"the client failed: {error!r}")
            self._failure.__cause__ = error
        finally:
            self._over = True
            self._changed.set()
            self._events.put_nowait((self._clock(), None))

    async def _receive(self, socket: ClientConnection) -> None:
        """Read until the session ends; returns then, raises on a fatal error."""
        while True:
            message = parse_server(await socket.recv())
            at = self._clock()
            match message:
                case PingMessage():
                    await self._write(PongMessage())
                    continue
                case PongMessage():
                    continue
                case SpeechAudioMessage():
                    event: Event = await _speech(socket, message)
                case ErrorMessage() if message.data.fatal:
                    raise error_of(message.data)
                case _:
                    event = message
            if isinstance(event, AudioProgressMessage):
                self._received_samples = event.data.received_samples
                self._changed.set()
            self._events.put_nowait((at, event))
            if isinstance(event, SessionEndedMessage):
                return

    async def _close(self) -> None:
        if self._reader:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._socket:
            await self._socket.close()


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


def error_of(data: ErrorData) -> IzwiError:
    """The typed error behind an error message, with the request id for the operator's logs."""
    return error_classes().get(data.code, IzwiError)(f"{data.message} (request {data.request_id})")


async def _connect(url: str) -> ClientConnection:
    loopback = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    try:
        # A proxy from the environment cannot reach this machine's loopback.
        return await connect(url, compression=None, max_size=MAX_MESSAGE_BYTES, proxy=None if loopback else True)
    except InvalidStatus as error:
        status = error.response.status_code
        kind = Unavailable if status >= 500 else ClientError
        raise kind(f"{url} refused the connection with HTTP {status}") from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Unavailable(f"cannot connect to {url}: {error}") from None


async def _speech(socket: ClientConnection, message: SpeechAudioMessage) -> Speech:
    data = message.data
    if data.samples == 0:
        audio: bytes | str = b""
    elif data.audio is not None:
        audio = base64.b64decode(data.audio)
    else:
        audio = await socket.recv()
    if isinstance(audio, str) or len(audio) != 2 * data.samples:
        raise ProtocolViolation(f"speech.audio announced {data.samples} samples, another frame followed")
    pcm = np.frombuffer(audio, "<i2").astype(np.int16)
    return Speech(data.clause, data.engine, data.sample_rate, pcm, data.last, data.speed, data.backlog_s)
