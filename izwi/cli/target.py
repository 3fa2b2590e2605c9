"""The server that is evaluated or measured: one that runs, or a private one."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer

from izwi.cli.stream import server
from izwi.settings import Settings

AddressOption = Annotated[
    str | None,
    typer.Option("--url", help="A running server, such as http://127.0.0.1:8000; else a private one is started."),
]
KeyOption = Annotated[str | None, typer.Option(help="Key of the server, if it wants one; else IZWI_API_KEY.")]
LanguageOption = Annotated[str | None, typer.Option(help="Language spoken, ISO 639-1; else detected.")]
SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


@dataclass(frozen=True)
class Target:
    http: str
    """``http://HOST:PORT``, without a slash at its end."""
    api_key: str | None

    @property
    def ws(self) -> str:
        return self.http.replace("http", "ws", 1)


@contextmanager
def target(url: str | None, api_key: str | None) -> Generator[Target]:
    """Where to send requests for the time of the block.

    Raises:
        typer.BadParameter: ``url`` is none of a server.
    """
    wanted = None if url is None else http_address(url)
    set_key = Settings().api_key
    key = api_key or (set_key.get_secret_value() if set_key else None)
    with server(wanted) as address:
        yield Target(http_address(address), key)


def http_address(url: str) -> str:
    """The same server over HTTP; WebSocket addresses are taken as well."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise typer.BadParameter(f"{url} is no address such as http://127.0.0.1:8000", param_hint="--url")
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, parts.path.rstrip("/"), "", ""))
