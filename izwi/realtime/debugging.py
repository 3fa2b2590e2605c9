"""``session.debug``, which OpenAI does not have: results say how they came about, in their ``meta``."""

from collections.abc import Mapping

from izwi.errors import InvalidMessage, ProtocolViolation

DEBUG = "session.debug"


def asked_debug(query: Mapping[str, str]) -> bool:
    """Whether a URL asks for ``meta``, which OpenAI does not have."""
    match query.get("debug", "false").lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise InvalidMessage("debug: must be true or false").about("debug")


def updated_debug(before: bool, asked: bool | None, begun: bool) -> bool:
    """What ``session.debug`` is now; None leaves it as it was.

    Raises:
        ProtocolViolation: it would change, and audio has come already.
    """
    if asked is not None and asked != before and begun:
        raise ProtocolViolation(f"{DEBUG}: cannot change once audio has come").about(DEBUG)
    return before if asked is None else asked


def shown_debug(debug: bool) -> dict[str, bool]:
    """As a session's configuration tells it: OpenAI's clients see nothing of it unless they ask."""
    return {"debug": True} if debug else {}
