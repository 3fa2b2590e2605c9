"""What all HTTP clients of a server share: who asks, and typed errors instead of broken connections and statuses."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from izwi.errors import ClientError, IzwiError, Unavailable, error_classes


def headers_of(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


@contextmanager
def reachable(url: str) -> Generator[None]:
    """Raises `Unavailable` where the server at ``url`` does not answer within the block."""
    try:
        yield
    except httpx.TransportError as error:
        raise Unavailable(f"cannot reach {url}: {error or type(error).__name__}") from None


def error_of(response: httpx.Response) -> IzwiError:
    """What a response that is not a success means; its body has been read."""
    try:
        error = response.json()["error"]
        return error_classes().get(error["code"], IzwiError)(f"{error['message']} (request {error['request_id']})")
    except (ValueError, KeyError, TypeError):  # something in between answered
        kind = Unavailable if response.status_code >= 500 else ClientError
        return kind(f"{response.url} answered {response.status_code}")
