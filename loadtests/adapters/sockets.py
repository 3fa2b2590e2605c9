"""A plain WebSocket whose troubles are Izwi's typed errors, for the protocols that are not ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from izwi.client_link import lost
from izwi.errors import ClientError, Overloaded, Unavailable
from izwi.loopback import on_loopback

REFUSALS = (429, 503)
"""HTTP status codes of a server without room."""
MAX_MESSAGE_BYTES = 16_000_000
"""Some servers repeat the whole transcript in every message."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[ClientConnection]:
    """An open connection; closed with the block.

    Raises:
        Overloaded: the server has no room.
        Unavailable: nobody listens, or the connection was lost inside the block.
        ClientError: the server refused the handshake for another reason.
    """
    try:
        # Without pings of our own: a server that computes in its event loop answers late, and that is to be measured.
        socket = await connect(
            url,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=None,
            proxy=None if on_loopback(url) else True,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        kind = Overloaded if status in REFUSALS else Unavailable if status >= 500 else ClientError
        raise kind(f"{url} refused the connection with HTTP {status}") from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Unavailable(f"cannot connect to {url}: {error}") from None
    async with socket:
        try:
            yield socket
        except ConnectionClosed as closed:
            raise lost(closed) from None


def with_path(url: str, path: str, query: str = "") -> str:
    """``url`` with this path and query where it has none of its own, as a WebSocket's."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit(parts._replace(scheme=scheme, path=parts.path.rstrip("/") or path, query=parts.query or query))
