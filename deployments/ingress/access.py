"""Who may enter: API keys, tokens for browsers, and the origins of web pages.

A key comes as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``. A browser cannot set headers on a WebSocket: it
gives a token as a subprotocol, ``new WebSocket(url, ["izwi.v1", "izwi.token." + token])``, or as OpenAI's clients do,
``["realtime", "openai-insecure-api-key." + token]``.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import Request, Security
from starlette.datastructures import Headers

from deployments.ingress.document import API_KEY, BEARER
from deployments.ingress.keyring import Keyring
from deployments.store.rates import Rates
from deployments.store.tokens import PREFIX, Tokens
from izwi.errors import Forbidden, StoreUnavailable, Unauthorized
from izwi.keys import ANONYMOUS, Principal, Scope

SUBPROTOCOLS = ("izwi.v1", "realtime")
TOKEN_PROTOCOLS = ("izwi.token.", "openai-insecure-api-key.")
FOR_BROWSERS = frozenset({Scope.LIVE, Scope.HTTP})
"""What a token can be good for, at most what its key is."""

log = structlog.get_logger()


class Access:
    """
    Args:
        keyring: None lets everybody in.
        origins: of web pages that may connect, besides the server's own.
        anyone: without keys, not only whoever reaches this server by an address, but whoever something in front of it
            lets through, by any name.
    """

    def __init__(
        self, keyring: Keyring | None, tokens: Tokens, rates: Rates, origins: tuple[str, ...], anyone: bool = False
    ) -> None:
        self._keyring = keyring
        self._tokens = tokens
        self._rates = rates
        self._origins = frozenset(origins)
        self._by_address = keyring is None and not anyone

    @property
    def keyed(self) -> bool:
        """Only those with a key may enter."""
        return self._keyring is not None

    def needs(self, scope: Scope) -> Callable[[Request], Awaitable[Principal]]:
        """A FastAPI dependency: the bearer of a key that may do this."""

        async def check(request: Request) -> Principal:
            return await self._admit(request.headers, scope)

        async def documented(
            request: Request,
            _bearer: Annotated[object, Security(BEARER)] = None,
            _header: Annotated[object, Security(API_KEY)] = None,
        ) -> Principal:
            return await check(request)

        return documented if self.keyed else check

    async def socket(self, headers: Headers) -> Principal:
        """The bearer of a key that may open a WebSocket.

        Raises:
            Unauthorized: no key, or none that is known.
            Forbidden: the key is not for sessions, or the web page is not one that may connect.
            RateLimited: the key's share is used up.
        """
        return await self._admit(headers, Scope.LIVE)

    async def _admit(self, headers: Headers, scope: Scope) -> Principal:
        self._check_origin(headers)
        principal = await self._principal(headers)
        principal.need(scope)
        try:
            await self._rates.count(principal)
        except StoreUnavailable as error:  # to turn everybody away would make Redis a single point of failure
            log.warning("rate_not_counted", key=principal.name, reason=str(error))
        return principal

    async def _principal(self, headers: Headers) -> Principal:
        if self._keyring is None:
            return ANONYMOUS
        secret = _presented(headers)
        if secret is None:
            raise Unauthorized("a key is needed: Authorization: Bearer KEY, or X-API-Key: KEY")
        if not secret.startswith(PREFIX):
            return self._keyring.keys.principal(secret)
        owner = self._keyring.keys.named(await self._tokens.owner(secret))
        return owner.model_copy(update={"scopes": owner.scopes & FOR_BROWSERS})

    def _check_origin(self, headers: Headers) -> None:
        """Any page may make its visitor's browser connect anywhere: the page of a stranger must not talk to a server
        that its visitor can reach and he cannot."""
        origin, host = headers.get("origin"), headers.get("host", "")
        if origin in self._origins:
            return
        if self._by_address and not _is_address(host):
            # A stranger may make the name of his own host point here (DNS rebinding); an address he cannot.
            raise Forbidden(
                f"a server without API keys is asked by its address, not as {host!r}; IZWI_ALLOW_ANONYMOUS lifts that"
            )
        if origin is not None and origin.partition("://")[2] != host:
            raise Forbidden(f"pages from {origin} may not connect; IZWI_CORS_ORIGINS lists those that may")


def chosen_subprotocol(headers: Headers) -> str | None:
    """A browser that offers subprotocols ends the connection unless one is chosen."""
    return next((one for one in _subprotocols(headers) if one in SUBPROTOCOLS), None)


def _presented(headers: Headers) -> str | None:
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    if key := headers.get("x-api-key"):
        return key
    offered = _subprotocols(headers)
    return next((one.removeprefix(kind) for kind in TOKEN_PROTOCOLS for one in offered if one.startswith(kind)), None)


def _subprotocols(headers: Headers) -> list[str]:
    return [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",")]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return host.partition(":")[0] == "localhost"
    return True
