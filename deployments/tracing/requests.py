"""A trace per HTTP request; those of a WebSocket begin with its utterances."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.tracing.spans import Spans
from deployments.tracing.stage_spans import CANCELLED
from deployments.tracing.work import Work
from izwi.errors import InternalError
from izwi.tracing import current

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are asked every few seconds."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class RequestTraces:
    """Pure ASGI, inside `RequestContext`. Names come from routes: a path may hold what a client has chosen."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET:
            return await self._app(scope, receive, send)
        client = self._spans.client(traceparent := Headers(scope=scope).get("traceparent", ""))
        if not self._spans.sampled(client):
            return await self._app(scope, receive, send)
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        state = scope["state"]
        told = {"http.request.method": method, "izwi.request_id": state["request_id"]}
        work = Work(self._spans, self._spans.begin(method, "server", told, traceparent if client else ""))
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        token = current.set(work)
        error = CANCELLED
        try:
            await self._app(scope, receive, watched)
            error = state.get("error_code", "")
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and error:  # the client's, and no failure of ours
                work.note({"error.type": error})
                error = ""
        except Exception:
            error = InternalError.code
            raise
        finally:
            current.reset(token)
            route = getattr(scope.get("route"), "path", "unknown")
            work.rename(f"{method} {route}")
            work.note({"http.route": route} | ({"http.response.status_code": status} if status else {}))
            work.end(error)
        return None
