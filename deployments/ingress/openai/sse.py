"""Server-sent events as OpenAI's clients read them: one JSON object each, with its type inside."""

from typing import Any

import orjson

MEDIA_TYPE = "text/event-stream"


def event(kind: str, **fields: Any) -> bytes:
    """One event, as bytes of the stream."""
    return b"data: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"
