"""What goes out over one socket: a bounded queue, and an end for clients that do not read."""

import asyncio
import base64

from starlette.websockets import WebSocket, WebSocketDisconnect

from izwi import messages as m
from izwi.errors import Overloaded

SLOW_READER_S = 30.0
"""A client that takes nothing for this long is disconnected: its events must not pile up."""


class Gone(Exception):
    """The client has gone."""


class Outbox:
    """Frames in order.

    Args:
        size: frames held; `put` waits beyond it.
    """

    def __init__(self, socket: WebSocket, size: int) -> None:
        self._socket = socket
        self._frames: asyncio.Queue[tuple[m.ServerMessage, bytes | None]] = asyncio.Queue(size)
        self._torn = False
        """A frame may have been written in part: nothing can follow it."""
        self.base64 = False
        """Send speech as text frames only."""

    async def put(self, message: m.ServerMessage, payload: bytes | None = None) -> None:
        await self._frames.put((message, payload))

    async def sent(self) -> None:
        """Wait until everything has been sent."""
        await self._frames.join()

    async def run(self) -> None:
        """Send, for as long as the client reads.

        Raises:
            Overloaded: it does not.
            Gone: it is not there.
        """
        while True:
            frame = await self._frames.get()
            self._torn = True
            try:
                async with asyncio.timeout(SLOW_READER_S):
                    await self._write(*frame)
            except TimeoutError:
                raise Overloaded("the client does not read its events") from None
            self._torn = False
            self._frames.task_done()

    async def close(self, code: int, last: m.ServerMessage | None = None) -> bool:
        """Send what is left and ``last``, and close the socket; whether the client was there."""
        try:
            async with asyncio.timeout(SLOW_READER_S):
                while not (self._torn or self._frames.empty()):
                    await self._write(*self._frames.get_nowait())
                if last is not None and not self._torn:
                    await self._write(last, None)
                await self._socket.close(code)
        except (TimeoutError, Gone, WebSocketDisconnect, RuntimeError):
            return False
        return True

    async def _write(self, message: m.ServerMessage, payload: bytes | None) -> None:
        if payload is not None and self.base64 and isinstance(message, m.SpeechAudioMessage):
            audio = base64.b64encode(payload).decode()
            message = message.model_copy(update={"data": message.data.model_copy(update={"audio": audio})})
            payload = None
        try:
            await self._socket.send_text(message.model_dump_json())
            if payload is not None:
                await self._socket.send_bytes(payload)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise Gone from error  # Starlette raises RuntimeError when it writes to a closed socket
