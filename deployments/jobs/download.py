"""Fetches recordings from addresses that are allowed, a piece at a time, onto the disk.

Every name is resolved here, its address checked, and that address connected to: a name that leads elsewhere a moment
later changes nothing. Redirects are followed by hand, each checked like the first address.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import httpx

from deployments.jobs.spool import CHUNK, Spool
from izwi.errors import BodyTooLarge, DownloadFailed, DownloadRefused
from izwi.jobs.allow_list import AllowList

REDIRECTS = 5
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""Seconds; a server that sends nothing for so long has gone away."""


class Downloads:
    """
    Args:
        max_bytes: of one file.
        timeout_s: for one file.
    """

    def __init__(self, allowed: AllowList, max_bytes: int, timeout_s: float) -> None:
        self._allowed = allowed
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    def check(self, url: str) -> None:
        """Raise `UrlNotAllowed` where it may not be fetched."""
        self._allowed.check(url)

    async def fetch(self, url: str, job_id: str, spool: Spool) -> None:
        """Fetch a file into the spool folder.

        Raises:
            UrlNotAllowed: it leads where it may not.
            DownloadFailed: the server there does not answer, or breaks off.
            DownloadRefused: it does not give the file, or not in time.
            BodyTooLarge: the file is larger than it may be.
            SpoolFull: there is no room for it.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._answer(url) as response:
                await self._save(response, job_id, spool)
        except TimeoutError:
            # Not to be tried again: what gives a little now and then would keep a runner from other jobs for hours.
            raise DownloadRefused(f"the file was not there after {self._timeout_s:g} s") from None
        except httpx.InvalidURL:
            raise DownloadRefused("the server there leads to no address") from None
        except httpx.HTTPError as error:
            raise DownloadFailed(f"the file could not be fetched: {type(error).__name__}") from error

    @asynccontextmanager
    async def _answer(self, url: str) -> AsyncIterator[httpx.Response]:
        """The answer that is a file, redirects followed."""
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
            for _ in range(REDIRECTS + 1):
                response = await client.send(await self._request(client, url), stream=True)
                try:
                    if not response.has_redirect_location:
                        if response.status_code != httpx.codes.OK:
                            kind = DownloadFailed if response.is_server_error else DownloadRefused
                            raise kind(f"the server there answered {response.status_code}")
                        yield response
                        return
                finally:
                    await response.aclose()
                url = urljoin(url, response.headers["location"])
        raise DownloadRefused("the address leads on and on")

    async def _request(self, client: httpx.AsyncClient, url: str) -> httpx.Request:
        parts = self._allowed.check(url)
        host = parts.hostname or ""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            raise DownloadFailed(f"there is no host {host}") from None
        address = str(found[0][4][0])
        self._allowed.check_address(host, address)
        # The name is still what the server there and its certificate are asked for.
        return client.build_request(
            "GET",
            parts._replace(netloc=_netloc(address, parts.port), fragment="").geturl(),
            headers={"Host": parts.netloc, "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host},
        )

    async def _save(self, response: httpx.Response, job_id: str, spool: Spool) -> None:
        too_large = BodyTooLarge(f"a file may have {self._max_bytes} bytes")
        announced = response.headers.get("content-length", "0")
        size = int(announced) if announced.isdecimal() else 0
        if size > self._max_bytes:
            raise too_large
        await asyncio.to_thread(spool.require, size)
        part = await asyncio.to_thread(spool.begin, job_id)
        try:
            async for chunk in response.aiter_raw(CHUNK):
                await asyncio.to_thread(part.write, chunk)
                if part.size > self._max_bytes:
                    raise too_large
            if part.size < size:
                raise DownloadFailed("the server there broke off")
            await asyncio.to_thread(part.commit)
        finally:
            await asyncio.to_thread(part.discard)


def _netloc(address: str, port: int | None) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" if port is not None else host
