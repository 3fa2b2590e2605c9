"""Structured logs that never carry a payload: one JSON object per line on stderr, or coloured text for people.

Request id, session id and user come from structlog's context variables. What a client says is not ours to keep, so the
last step before rendering drops every field whose name promises audio, text or a secret, and every value that is not
plain data, such as an array or a message object. That holds even when a caller logs one by mistake.
"""

import hashlib
import hmac
import json
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_FORBIDDEN = frozenset(
    {"audio", "pcm", "wav", "base64", "text", "transcript", "transcription", "translation", "hypothesis"}
    | {"committed", "tentative", "sentence", "prompt", "body", "payload"}
    | {"token", "secret", "password", "passwd", "cookie", "authorization", "auth", "apikey", "credential"}
)
"""A field is dropped when its last word, in the singular or plural, is one of these: ``source_text`` and
``resume_token`` go, ``text_chars`` and ``audio_s`` stay, because they are measures and not contents."""
_FORBIDDEN_KEYS = frozenset({"api", "access", "private", "secret", "signing"})
"""What makes a field that ends in ``key`` a secret; ``cache_key`` is none."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_QUOTES_ITS_INPUT = frozenset({"ValidationError", "UnicodeDecodeError", "UnicodeEncodeError"})
"""Exceptions whose message repeats the data they choked on."""


def configure(level: str, human: bool) -> None:
    """Sets up structlog for this process. ``level`` is a lower-case level name; ``human`` asks for coloured text."""
    render: Processor = _render_json
    if human:
        render = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            format_exception,
            drop_payloads,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up per logger: Ray and pytest put their own stream in the place of stderr.
        logger_factory=_stderr_logger,
        # A cached logger would keep the stream and the level of whoever logged first.
        cache_logger_on_first_use=False,
    )


def pseudonym(user_id: str, key: bytes) -> str:
    """A user id as it may appear in a log: 16 hex digits of HMAC-SHA-256 (RFC 2104).

    ``key`` is the deployment's secret. Without it the short list of possible user ids could be hashed and compared.
    """
    return hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()[:16]


def drop_payloads(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The last processor before rendering: see the module's docstring."""
    return _plain_mapping(event)


def format_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces ``exc_info`` by a traceback without local variables and without messages that quote their input."""
    exc_info: object = event.pop("exc_info", None)
    if not exc_info:
        return event
    match exc_info:
        case BaseException():
            error = exc_info
        case (_, BaseException() as caught, _):  # pyright: ignore[reportUnknownVariableType]
            error = caught
        case _:
            error = sys.exception()
    if error is not None:
        event["exception"] = "\n".join(_describe(error))
    return event


def _describe(error: BaseException) -> Iterable[str]:
    if error.__cause__ is not None:
        yield from _describe(error.__cause__)
        yield "which led to:"
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _describe(error.__context__)
        yield "while handling it:"
    yield from (line.rstrip() for line in traceback.format_tb(error.__traceback__))
    kind = type(error)
    message = "(message withheld: it quotes the input)" if kind.__name__ in _QUOTES_ITS_INPUT else str(error)
    yield f"{kind.__module__}.{kind.__qualname__}: {message}"
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        for number, inner in enumerate(group.exceptions, start=1):
            yield f"part {number} of {len(group.exceptions)}:"
            yield from _describe(inner)


def _is_forbidden(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    match words:
        case [*_, kind, "key" | "keys"] if kind in _FORBIDDEN_KEYS:
            return True
        case [*_, last]:
            return last in _FORBIDDEN or last.removesuffix("s") in _FORBIDDEN
        case _:
            return False


def _plain_mapping(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in mapping.items() if not _is_forbidden(str(name))}


def _plain(value: object) -> Any:
    """The value if it is plain data, else the name of its type: an unknown object may print what it holds."""
    match value:
        case Enum():
            return _plain(value.value)
        case str() | bool() | int() | float() | None:
            return value
        case date() | time() | UUID() | PurePath():
            return str(value)
        case Mapping():
            return _plain_mapping(cast("Mapping[Any, Any]", value))
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in cast("Iterable[object]", value)]
        case _:
            return f"<{type(value).__name__}>"


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:  # a lone surrogate or an integer beyond 64 bits: rare, and no reason to lose the line
        return json.dumps(event)


def _stderr_logger(*_args: object) -> structlog.WriteLogger:
    return structlog.WriteLogger(sys.stderr)
