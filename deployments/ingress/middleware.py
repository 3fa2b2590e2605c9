"""Request id, response time and access log for every HTTP response and WebSocket."""

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.ingress.metrics import Metrics

SAFE_ID = re.compile(r"[\w.-]{1,64}")
"""What a client may choose as its request id; anything else could forge log lines."""

log = structlog.get_logger()


class RequestContext:
    """Pure ASGI, because Starlette's BaseHTTPMiddleware buffers streams and breaks cancellation."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if SAFE_ID.fullmatch(asked) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.accept"):
                status = message.get("status", 101)
                headers = MutableHeaders(scope=message)
                if not asked:  # Ray's proxy names every request and adds the header itself
                    headers["X-Request-Id"] = request_id
                headers["X-Response-Time-Ms"] = f"{(time.perf_counter() - started) * 1000:.1f}"
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, tagged)
            except Exception:
                status = HTTPStatus.INTERNAL_SERVER_ERROR.value  # whatever the answer began with, it has no end
                raise
            finally:
                seconds = time.perf_counter() - started
                route = getattr(scope.get("route"), "path", "unknown")
                if scope["type"] == "http":
                    self._metrics.requests.labels(route, str(status)).observe(seconds)
                log.info("request", path=scope["path"], status=status, seconds=round(seconds, 4))
        return None
