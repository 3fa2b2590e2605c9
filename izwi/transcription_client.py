"""Recordings over HTTP: `POST /v1/audio/transcriptions` of a server, as typed answers and errors."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from izwi.errors import DamagedAudio, Unavailable
from izwi.http_errors import error_of, headers_of, reachable
from izwi.loopback import on_loopback

TIMEOUT = httpx.Timeout(630.0, connect=5.0)
"""Seconds; a little more than a server gives a media file (``IZWI_FILE_TIMEOUT_S``), so that its own answer comes."""


@dataclass(frozen=True)
class Heard:
    """What a server made of a recording."""

    text: str
    audio_s: float
    """Seconds of audio, as the server counts them."""
    took_s: float
    """Seconds from the request until the whole answer was there."""


class TranscriptionClient:
    """Recordings one by one, over connections that stay open; use with ``async with``.

    Args:
        url: of the server, ``http://HOST:PORT``.
        api_key: where the server wants one.
        connections: requests at once, each over one of its own.
        transport: instead of the network.
    """

    def __init__(
        self, url: str, api_key: str | None, connections: int, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers_of(api_key),
            timeout=TIMEOUT,
            trust_env=not on_loopback(url),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def check(self) -> None:
        """Raise what the server answers to a question that costs it nothing: it may be away, or not know the key."""
        with reachable(self._url):
            response = await self._http.get("/v1/models")
        if not response.is_success:
            raise error_of(response)

    async def transcribe(self, name: str, content: bytes, fields: Mapping[str, str | None]) -> Heard:
        """Have a media file transcribed.

        Args:
            name: of the file.
            fields: others of the form, such as ``language``; those that are None or empty are left out.

        Raises:
            DamagedAudio: the file gave only a part of its words.
            IzwiError: what the server answers, or `Unavailable` where it does not.
        """
        form = {"model": "whisper-1", "response_format": "verbose_json"}
        form |= {key: value for key, value in fields.items() if value}
        began = time.perf_counter()
        with reachable(self._url):
            response = await self._http.post("/v1/audio/transcriptions", files={"file": (name, content)}, data=form)
        took_s = time.perf_counter() - began
        if not response.is_success:
            raise error_of(response)
        return _heard(response, took_s)


def _heard(response: httpx.Response, took_s: float) -> Heard:
    try:
        body: dict[str, Any] = response.json()
        text, audio_s = str(body["text"]), float(body["duration"])
        damage = body["warning"]["message"] if "warning" in body else None
    except (ValueError, KeyError, TypeError):
        raise Unavailable(f"{response.url} does not answer as such a server does") from None
    if damage is not None:
        raise DamagedAudio(damage)
    return Heard(text, audio_s, took_s)
