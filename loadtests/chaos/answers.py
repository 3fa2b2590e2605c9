"""How a server answers an attack, counted under names. Every answer has to be typed: an error of the protocol, a close
code, or an HTTP status. ``untyped`` is none of them."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from izwi.errors import error_classes

Answers = Counter[str]

ANSWER_S = 15.0
"""For an answer; later ones count as none."""
_RESET = "untyped: connection reset"


@asynccontextmanager
async def opened(url: str, answers: Answers) -> AsyncGenerator[ClientConnection | None]:
    """A socket, or None where the server refused the handshake; the refusal is counted."""
    socket: ClientConnection | None = None
    try:
        socket = await connect(
            url, proxy=None, compression=None, max_queue=64, ping_interval=None, open_timeout=ANSWER_S
        )
    except InvalidStatus as error:
        answers[f"HTTP {error.response.status_code}"] += 1
    except (OSError, TimeoutError, InvalidHandshake) as error:
        answers[f"untyped: {type(error).__name__}"] += 1
    try:
        yield socket
    finally:
        if socket is not None:
            socket.transport.abort()


async def send(socket: ClientConnection, message: str | bytes) -> None:
    """Or nothing, where the server has closed the connection."""
    with suppress(ConnectionClosed, UnicodeEncodeError):
        await socket.send(message)


async def read(socket: ClientConnection, answers: Answers, quiet_s: float, besides: tuple[str, ...] = ()) -> None:
    """Count answers until nothing comes for a while, or the socket is closed."""
    while (answer := await _answer(socket, quiet_s)) is not None:
        if answer not in besides:
            answers[answer] += 1
        if answer.startswith(("closed", "untyped")):
            return


async def first(socket: ClientConnection, answers: Answers, within_s: float = ANSWER_S) -> None:
    """Count the first answer but pings, or that there is none."""
    while (answer := await _answer(socket, within_s)) == "ping":
        pass
    answers[answer or "no answer"] += 1


def take_resets(answers: Answers) -> int:
    """Connections that ended without a close, which are counted no longer."""
    return answers.pop(_RESET, 0)


def untyped(answers: Answers) -> Iterator[str]:
    """Answers that no client can understand."""
    return (
        f"{count} times {answer}" for answer, count in answers.items() if answer.startswith(("untyped", "no answer"))
    )


async def _answer(socket: ClientConnection, within_s: float) -> str | None:
    try:
        async with asyncio.timeout(max(0.0, within_s)):
            frame = await socket.recv()
    except TimeoutError:
        return None
    except ConnectionClosed:
        return _RESET if socket.close_code in (None, 1006) else f"closed {socket.close_code}"
    return "audio" if isinstance(frame, bytes) else _named(json.loads(frame))


def _named(message: dict[str, Any]) -> str:
    if message["type"] != "error":
        return message["type"]
    code = message["data"]["code"]
    return code if code in error_classes() else f"untyped: {code}"
