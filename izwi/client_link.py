"""One connection of a client: opened and answered with typed errors, and the judgement of whether a lost one may be
resumed."""

from typing import TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from izwi.errors import ClientError, IzwiError, Overloaded, ProtocolViolation, Unavailable, error_classes
from izwi.loopback import on_loopback
from izwi.messages import (
    ErrorData,
    ErrorMessage,
    PingMessage,
    PongMessage,
    SessionResumedMessage,
    SessionStartedMessage,
    parse_server,
)

T = TypeVar("T", SessionStartedMessage, SessionResumedMessage)

MAX_MESSAGE_BYTES = 16_000_000
"""Largest frame accepted: a clause of speech is below 1 MB, in base64 too."""
OPEN_LIMIT_S = 5.0
KEEPALIVE_S = 3.0
"""Between pings of the protocol, and for their answers: a network that is gone is noticed within twice that."""
TRY_AGAIN_LATER = 1013
PASSING = frozenset({1001, 1006, 1012, TRY_AGAIN_LATER})
"""Close codes after which the session goes on elsewhere, or here in a moment."""


async def open_link(url: str, api_key: str | None = None) -> ClientConnection:
    """Connect.

    Args:
        api_key: or a token, where the server wants one.

    Raises:
        Unavailable: nobody listens, or the server is not ready.
        ClientError: it refuses this client.
    """
    try:
        return await connect(
            url,
            additional_headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=OPEN_LIMIT_S,
            ping_interval=KEEPALIVE_S,
            ping_timeout=KEEPALIVE_S,
            close_timeout=1,
            proxy=None if on_loopback(url) else True,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        kind = Unavailable if status >= 500 else ClientError
        raise kind(f"{url} refused the connection with HTTP {status}") from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Unavailable(f"cannot connect to {url}: {error}") from None


async def answer(socket: ClientConnection, kind: type[T]) -> T:
    """The server's first message, which is to be of ``kind``; raises the error that it may be."""
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


def passing(closed: ConnectionClosed) -> bool:
    """Whether a connection was lost for a reason that will pass."""
    return closed.rcvd is None or closed.rcvd.code in PASSING


def lost(closed: ConnectionClosed) -> IzwiError:
    """The typed error behind a connection that ended before its session."""
    kind = Overloaded if closed.rcvd and closed.rcvd.code == TRY_AGAIN_LATER else Unavailable
    return kind(f"the connection was lost: {closed}")


def error_of(data: ErrorData) -> IzwiError:
    """The typed error behind an error message, with the request id for the operator's logs."""
    return error_classes().get(data.code, IzwiError)(f"{data.message} (request {data.request_id})")
