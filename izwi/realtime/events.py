"""What OpenAI's realtime protocols have in common: reading client events, writing server events."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from itertools import count
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from izwi import messages as m
from izwi.errors import ClientError, InvalidMessage, IzwiError, UnknownMessageType, error_classes

LONGEST_ID = 512
LONGEST_NAME = 128
UNSUPPORTED = "is not supported by this server; leave it out"


def _empty(value: object) -> None:
    if value not in (None, False, "", [], {}):
        raise ValueError(UNSUPPORTED)


Unsupported = Annotated[None, BeforeValidator(_empty)]
"""A field of OpenAI's that we do not have: it may say nothing, but nothing else."""
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Language = Annotated[str, Field(min_length=2, max_length=16)]


class Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Some = TypeVar("Some", bound=Fields)


def merged(before: Some, update: Some) -> Some:
    """``before`` with what ``update`` says, in fields of fields too. What is of another ``type`` than before is taken
    whole: its fields mean something else."""
    changes: dict[str, Any] = {}
    for name in update.model_fields_set:
        old, new = getattr(before, name), getattr(update, name)
        alike = isinstance(old, Fields) and isinstance(new, Fields) and _type(old) == _type(new)
        changes[name] = merged(old, new) if alike else new
    return before.model_copy(update=changes)


def _type(fields: Fields) -> str | None:
    return getattr(fields, "type", None)


class ClientEvent(Fields):
    event_id: str | None = Field(default=None, max_length=LONGEST_ID)


Event = TypeVar("Event", bound=ClientEvent)


def parse(adapter: TypeAdapter[Event], frame: str | bytes) -> Event:
    """A client's event.

    Raises:
        InvalidMessage, UnknownMessageType: see `izwi.messages.parse_client`; they name the field and the event.
    """
    if isinstance(frame, bytes):
        raise InvalidMessage("audio comes as base64 in text frames; binary frames have no meaning here")
    try:
        raw: Any = from_json(frame)
    except ValueError as error:
        raise InvalidMessage(f"not valid JSON: {error}") from None
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        told = _explain(error)
        told.event_id = _id(raw)
        raise told from None


def _id(raw: Any) -> str | None:
    event_id: object = cast("dict[str, object]", raw).get("event_id") if isinstance(raw, dict) else None
    return event_id[:LONGEST_ID] if isinstance(event_id, str) else None


def _explain(error: ValidationError) -> ClientError:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"].startswith("union_tag"):
        return UnknownMessageType(f"unknown event type; {first['msg'][:300]}").about("type")
    param = ".".join(str(part) for part in first["loc"][1:])  # the first part is the event's type
    reason = UNSUPPORTED if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    told = InvalidMessage(f"{param or 'event'}: {reason}")
    return told.about(param) if param else told


def asked_model(query: Mapping[str, str]) -> str | None:
    """The model that a URL names: any name will do, this server has the one it was started with."""
    model = query.get("model")
    if model is not None and not 0 < len(model) <= LONGEST_NAME:
        raise InvalidMessage(f"model: has 1 to {LONGEST_NAME} characters").about("model")
    return model


def decode(text: str) -> bytes:
    """The audio of an append event."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMessage("audio: is not base64").about("audio") from None


class Writer:
    """Server events of one session, each with an id of its own."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._numbers: Iterator[int] = count()

    def event(self, type: str, **fields: object) -> str:
        event_id = f"event_{self._session_id}_{next(self._numbers)}"
        return to_json({"type": type, "event_id": event_id, **fields}).decode()

    def error(
        self,
        code: str,
        message: str,
        param: str | None = None,
        event_id: str | None = None,
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> str:
        """``more`` is what OpenAI's errors do not have."""
        return self.event("error", error={**describe(code, message, param), "event_id": event_id, **more})

    def fault(self, error: IzwiError, told: m.ErrorMessage) -> str:
        """See `izwi.wire.Wire.fault`."""
        return self.error(error.code, str(error), error.param, error.event_id, _more(told.data))

    def failure(self, data: m.ErrorData) -> str:
        """One piece of work failed; the session goes on."""
        return self.error(data.code, data.message, more=_more(data))

    def going_away(self, data: m.SessionGoingAway) -> str:
        message = f"this server stops ({data.reason}): what it has is finished, then connect again"
        return self.error("going_away", message, more={"retryable": True})


def describe(code: str, message: str, param: str | None = None) -> dict[str, object]:
    at_fault = issubclass(error_classes().get(code, IzwiError), ClientError)
    kind = "invalid_request_error" if at_fault else "server_error"
    return {"type": kind, "code": code, "message": message, "param": param}


def _more(data: m.ErrorData) -> dict[str, object]:
    return {"retryable": data.retryable, "retry_after_s": data.retry_after_s, "request_id": data.request_id}
