"""A live user's connections, the one in use of which can be broken as networks break them."""

import asyncio
import socket
import struct
import time

from websockets.asyncio.client import ClientConnection

from izwi.client_link import open_link


class Line:
    """Opens connections for a session.

    Args:
        url: the whole address.
        api_key: or a token, where the server wants one.
    """

    def __init__(self, url: str, api_key: str | None) -> None:
        self._url = url
        self._api_key = api_key
        self._socket: ClientConnection | None = None
        self._watching: set[asyncio.Task[None]] = set()
        self._lost_at: float | None = None

    async def connect(self) -> ClientConnection:
        """As a session wants it."""
        self._socket = await open_link(self._url, self._api_key)
        watch = asyncio.create_task(self._watch(self._socket))
        self._watching.add(watch)
        watch.add_done_callback(self._watching.discard)
        return self._socket

    def cut(self) -> None:
        """Reset the connection in use."""
        if self._socket is not None:
            sock = self._socket.transport.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.transport.abort()

    def resumed(self, at: float) -> float | None:
        """Seconds since the connection was lost that the one in use stands for, at this monotonic time; attempts in
        between do not begin it anew. None where none was lost."""
        lost_at, self._lost_at = self._lost_at, None
        return None if lost_at is None else at - lost_at

    async def _watch(self, connection: ClientConnection) -> None:
        await connection.wait_closed()
        if self._lost_at is None and connection is self._socket:
            self._lost_at = time.monotonic()
