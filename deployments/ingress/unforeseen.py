"""What nobody foresaw is answered like any other error."""

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.ingress.answer import Answer
from deployments.ingress.envelope import response_to
from izwi.errors import InternalError

log = structlog.get_logger()


class Unforeseen:
    """Pure ASGI. Starlette's own place for this is around all other middleware: what is answered there has no request
    id, no page of another origin may read it, and nobody counts it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        answer = Answer(send)
        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            log.error("request_failed", path=scope["path"], exc_info=error)
            if answer.begun:
                raise  # only a broken connection tells that the rest is missing
            failure = InternalError("the request failed; see the server's log")
            await response_to(scope, failure)(scope, receive, send)
        return None
