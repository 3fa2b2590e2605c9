"""What an HTTP request may take: bytes of its body, and time. Pure ASGI, because bodies must not be read twice."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.ingress.envelope import response_to
from izwi.errors import BodyTooLarge, IzwiError, RequestTimeout


@dataclass(frozen=True)
class Limit:
    max_bytes: int
    """Of a body."""
    timeout_s: float
    """Until the response begins, and from then on without progress: a long answer that goes on being sent and read
    takes its time, one that does not is broken off."""


class RequestLimits:
    """Answers in place of the application where a limit is exceeded before it has begun to answer.

    Args:
        rule: limits by path.
    """

    def __init__(self, app: ASGIApp, rule: Callable[[str], Limit]) -> None:
        self._app = app
        self._rule = rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._rule(scope["path"])
        too_large = BodyTooLarge(f"a request may have {limit.max_bytes} bytes")
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > limit.max_bytes:
            return await response_to(scope, too_large)(scope, receive, send)
        failure: IzwiError | None = None
        received, started = 0, False
        deadline = asyncio.timeout(limit.timeout_s)

        async def limited() -> Message:
            nonlocal received, failure
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit.max_bytes:
                failure = too_large
                return {"type": "http.disconnect"}  # the application gives up; what it answers is not sent
            return message

        async def noting(message: Message) -> None:
            nonlocal started
            if failure is None:
                started = True
                await send(message)
                deadline.reschedule(asyncio.get_running_loop().time() + limit.timeout_s)

        try:
            async with deadline:
                await self._app(scope, limited, noting)
        except TimeoutError:
            failure = RequestTimeout(f"the request took longer than {limit.timeout_s:g} s")
        except Exception:
            if failure is None:
                raise
        if failure is not None and not started:
            await response_to(scope, failure)(scope, receive, send)
        return None
