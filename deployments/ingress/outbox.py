"""What goes out over one socket: a bounded queue, and an end for clients that do not read."""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from izwi.errors import Overloaded
from izwi.wire import Frames

SLOW_READER_S = 30.0
"""A client that takes nothing for this long is disconnected: its events must not pile up."""


class Gone(Exception):
    """The client has gone."""


class Outbox:
    """Frames in order.

    Args:
        size: events held, each with its frames; `put` waits beyond it.
    """

    def __init__(self, socket: WebSocket, size: int) -> None:
        self._socket = socket
        self._frames: asyncio.Queue[Frames] = asyncio.Queue(size)
        self._torn = False
        """A frame may have been written in part: nothing can follow it."""

    @property
    def depth(self) -> tuple[int, int]:
        """Events that wait for the client, and how many may."""
        return self._frames.qsize(), self._frames.maxsize

    async def put(self, frames: Frames) -> None:
        if frames:
            await self._frames.put(frames)

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
            frames = await self._frames.get()
            self._torn = True
            try:
                async with asyncio.timeout(SLOW_READER_S):
                    await self._write(frames)
            except TimeoutError:
                raise Overloaded("the client does not read its events") from None
            self._torn = False
            self._frames.task_done()

    async def close(self, code: int, last: Frames = ()) -> bool:
        """Send what is left and ``last``, and close the socket; whether the client was there."""
        try:
            async with asyncio.timeout(SLOW_READER_S):
                while not (self._torn or self._frames.empty()):
                    await self._write(self._frames.get_nowait())
                if not self._torn:
                    await self._write(last)
                await self._socket.close(code)
        except (TimeoutError, Gone, WebSocketDisconnect, RuntimeError):
            return False
        return True

    async def _write(self, frames: Frames) -> None:
        try:
            for frame in frames:
                if isinstance(frame, str):
                    await self._socket.send_text(frame)
                else:
                    await self._socket.send_bytes(frame)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise Gone from error  # Starlette raises RuntimeError when it writes to a closed socket
