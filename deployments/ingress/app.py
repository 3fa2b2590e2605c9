"""The HTTP and WebSocket surface of Izwi as an ASGI application."""

import asyncio
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from deployments.ingress.connection import Connection, Services
from deployments.ingress.health import unready_reasons
from deployments.ingress.middleware import RequestContext
from deployments.ingress.translate import build_router
from izwi.errors import InternalError, IzwiError

log = structlog.get_logger()


class OrjsonResponse(JSONResponse):
    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def build_app(services: Services) -> FastAPI:
    """The application for one replica; ``services`` are shared by its requests."""
    debug = services.settings.debug
    app = FastAPI(
        title="Izwi",
        default_response_class=OrjsonResponse,
        docs_url="/docs" if debug else None,
        redoc_url=None,
        openapi_url="/openapi.json" if debug else None,
    )
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(services.settings.cors_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-Id"],
        expose_headers=["X-Request-Id", "X-Response-Time-Ms"],
    )
    app.add_middleware(RequestContext, metrics=services.metrics)
    _add_error_handlers(app)
    app.include_router(build_router(services.calls, services.settings.max_text_chars))

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Alive: the event loop answers."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        """Ready for sessions: models, Redis, memory; 503 with the reasons when not."""
        reasons = await unready_reasons(services.calls, services.store)
        if reasons:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return {"ready": not reasons, "reasons": reasons}

    @app.get("/metrics")
    async def metrics() -> Response:
        """Prometheus exposition of this replica."""
        return Response(services.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    @app.websocket("/ws/stream")
    async def stream(socket: WebSocket) -> None:
        connection = Connection(socket, services, socket.state.request_id)
        try:
            services.registry.enter(connection)
        except IzwiError as error:
            await connection.refuse(error)
            return
        outcome = "cancelled"
        try:
            outcome = await connection.serve()
        finally:
            services.registry.leave(connection)
            services.metrics.sessions_total.labels(outcome).inc()
            await asyncio.shield(connection.forget())

    return app


def _add_error_handlers(app: FastAPI) -> None:
    """Every error leaves as ``{"error": {"code", "message", "request_id"}}``."""

    @app.exception_handler(IzwiError)
    async def ours(request: Request, error: IzwiError) -> Response:
        response = _envelope(request, error.status, error.code, str(error))
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = f"{error.retry_after_s:.0f}"
        return response

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).name.lower()
        return _envelope(request, error.status_code, code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _envelope(request, HTTPStatus.BAD_REQUEST, "invalid_request", f"{where}: {first['msg']}")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request_failed", path=request.url.path, exc_info=error)
        return _envelope(request, InternalError.status, InternalError.code, "the request failed; see the server's log")


def _envelope(request: Request, status: int, code: str, message: str) -> Response:
    error = {"code": code, "message": message, "request_id": request.state.request_id}
    return OrjsonResponse({"error": error}, status_code=status)
