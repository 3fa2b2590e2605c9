"""Every HTTP error leaves as ``{"error": {"message", "type", "param", "code", "request_id"}}``: OpenAI's envelope, and
the id under which the log knows the request."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from izwi.errors import IzwiError, Unauthorized, error_type

GONE = 499
"""For the log and the metrics, as Nginx counts them: nobody reads the answer to a request that was broken off."""

log = structlog.get_logger()


class OrjsonResponse(JSONResponse):
    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def response_to(scope: Scope, error: IzwiError) -> Response:
    """The answer that tells of one of our own errors."""
    response = OrjsonResponse(error_body(scope, error), status_code=error.status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = f"{error.retry_after_s:.0f}"
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def error_body(scope: Scope, error: IzwiError) -> dict[str, Any]:
    """What a client reads of one of our own errors, in a response or in the middle of a stream."""
    return _body(scope, error.status, error.code, str(error), error.param)


def add_handlers(app: FastAPI) -> None:
    """Errors of every kind that is foreseen; see `deployments.ingress.unforeseen` for the others."""

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
        told = f"{where}: {first['msg']}"
        return _envelope(request.scope, HTTPStatus.BAD_REQUEST, "invalid_request", told, _field(first["loc"]))

    @app.exception_handler(ClientDisconnect)
    async def broken_off(request: Request, error: ClientDisconnect) -> Response:
        log.info("request_broken_off", path=request.url.path)
        return Response(status_code=GONE)


def _field(loc: Sequence[str | int]) -> str | None:
    """The name of the field at ``loc``, without the part of the request it is in; None for the body as a whole."""
    names = [str(part) for part in loc[1:]]
    return ".".join(names) if names and isinstance(loc[1], str) else None


def _envelope(scope: Scope, status: int, code: str, message: str, param: str | None = None) -> Response:
    return OrjsonResponse(_body(scope, status, code, message, param), status_code=status)


def _body(scope: Scope, status: int, code: str, message: str, param: str | None) -> dict[str, Any]:
    scope["state"]["error_code"] = code  # for those who watch the request
    request_id = scope["state"]["request_id"]
    error = {"message": message, "type": error_type(status), "param": param, "code": code, "request_id": request_id}
    return {"error": error}
