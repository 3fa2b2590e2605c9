"""Every HTTP error leaves as ``{"error": {"code", "message", "request_id"}}``."""

from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from izwi.errors import InternalError, IzwiError, Unauthorized

log = structlog.get_logger()


class OrjsonResponse(JSONResponse):
    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def response_to(scope: Scope, error: IzwiError) -> Response:
    """The answer that tells of one of our own errors."""
    response = _envelope(scope, error.status, error.code, str(error))
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = f"{error.retry_after_s:.0f}"
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def add_handlers(app: FastAPI) -> None:
    """Errors of every kind."""

    @app.exception_handler(IzwiError)
    async def ours(request: Request, error: IzwiError) -> Response:
        return response_to(request.scope, error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).name.lower()
        response = _envelope(request.scope, error.status_code, code, str(error.detail))
        response.headers.update(error.headers or {})  # a 405 says what is allowed
        return response

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _envelope(request.scope, HTTPStatus.BAD_REQUEST, "invalid_request", f"{where}: {first['msg']}")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request_failed", path=request.url.path, exc_info=error)
        told = "the request failed; see the server's log"
        return _envelope(request.scope, InternalError.status, InternalError.code, told)


def error_body(error: IzwiError, request_id: str) -> dict[str, Any]:
    """The envelope, for a response that has begun."""
    return {"error": {"code": error.code, "message": str(error), "request_id": request_id}}


def _envelope(scope: Scope, status: int, code: str, message: str) -> Response:
    error = {"code": code, "message": message, "request_id": scope["state"]["request_id"]}
    return OrjsonResponse({"error": error}, status_code=status)
