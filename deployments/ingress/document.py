"""What the OpenAPI document says beyond what FastAPI finds out by itself: how keys are sent, and which errors come."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal

from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel, ConfigDict

Responses = dict[int | str, dict[str, Any]]
"""By status, as FastAPI's decorators take them."""

ABOUT = "Live sessions are WebSockets, which this page cannot show: docs/protocol.md and docs/realtime.md tell of them."
GROUPS = [
    {"name": "audio", "description": "Recordings to text, text to speech."},
    {"name": "jobs", "description": "Long recordings and video, in the background."},
    {"name": "text", "description": "Text to text."},
    {"name": "hotwords", "description": "Named lists of words to expect."},
    {"name": "models", "description": "What recognises, and by which names it may be asked for."},
    {"name": "tokens", "description": "Short-lived keys for clients that cannot keep a secret."},
    {"name": "server", "description": "For those who watch it."},
]
"""Groups of routes, in the order in which the page shows them."""

BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="An API key, or a token made with one.")
API_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")
"""Either will do. They only tell the document; `Access` reads the headers itself."""


class ErrorFields(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)
    message: str
    type: Literal[
        "invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"
    ]
    param: str | None
    """The field at fault."""
    code: str
    request_id: str
    """The log knows the request by it."""


class Failure(BaseModel):
    """What every error looks like."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "message": "there is no voice 'john'; known: joe, jm_kumo",
                        "type": "invalid_request_error",
                        "param": "voice",
                        "code": "unknown_voice",
                        "request_id": "5b1f0c2e9d7a4c0f8f3b6a1d2e4c5b6a",
                    }
                }
            ]
        }
    )
    error: ErrorFields


WHY: Mapping[int, str] = MappingProxyType(
    {
        400: "A field is missing, unknown, or does not fit, or nothing here can do what is asked",
        401: "No key, or none that is known",
        403: "The key is not for this, or the web page is not one that may ask",
        404: "What the request names is not there",
        409: "Not in the state that things are in",
        413: "Longer or larger than what is accepted",
        415: "No recording that could be read",
        429: "The key's share is used up; `Retry-After` says when to come back",
        503: "Not now; `Retry-After` says when to try again",
        504: "It took too long",
        507: "The disk has no room for the recording",
    }
)


def failures(*statuses: int) -> Responses:
    """These statuses, for a route's ``responses``."""
    return {status: {"model": Failure, "description": WHY[status]} for status in statuses}


ANY_FAILURE: Responses = {"default": {"model": Failure, "description": "Any other error"}}
"""Of the whole application; FastAPI would tell of a 422 of its own, which is never sent, where there is no default."""


def usual(keyed: bool) -> Responses:
    """Of every route that works for somebody.

    Args:
        keyed: the server has API keys.
    """
    return failures(*((401, 403, 429) if keyed else (403,)), HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


def file(*media_types: str) -> dict[str, Any]:
    """``content`` that is bytes."""
    return {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}


def text(media_type: str, **examples: str) -> dict[str, Any]:
    """``content`` that is text, with examples by name."""
    told = {name: {"value": value} for name, value in examples.items()}
    return {media_type: {"schema": {"type": "string"}, "examples": told}}


def json(**examples: Any) -> dict[str, Any]:
    """Examples by name of an answer in JSON, whose schema is its model's."""
    return {"application/json": {"examples": {name: {"value": value} for name, value in examples.items()}}}
