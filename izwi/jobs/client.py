"""Jobs from a program: submit a recording, follow it through broken connections, fetch what was heard."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Self

import httpx

from izwi.errors import JobNotFound, Unavailable
from izwi.http_errors import error_of, headers_of, reachable
from izwi.loopback import on_loopback

TIMEOUT = httpx.Timeout(60.0, connect=5.0, write=300.0)
"""Seconds; a server that is watched says something every ten."""
PATIENCE_S = 60.0
"""How long a server that does not answer is asked again for a job that is followed: longer than it takes to replace
a replica."""
AGAIN_S = 1.0
FINAL = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    data: dict[str, Any]
    number: int | None
    """Of a segment."""


class JobClient:
    """
    Args:
        url: of the server, ``http://HOST:PORT``.
        api_key: where the server wants one.
        sleep: seconds, between attempts.
    """

    def __init__(self, url: str, api_key: str | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        headers, trust_env = headers_of(api_key), not on_loopback(url)
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=trust_env)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, source: IO[bytes] | str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make a job of an open file, or of what is at an address; raises what the server answers."""
        fields = {key: value for key, value in options.items() if value not in (None, "", [])}
        if isinstance(source, str):
            return self._ask("POST", "/v1/jobs", json={"url": source, **fields}).json()
        return self._ask("POST", "/v1/jobs", files={"file": (name, source)}, data=fields).json()

    def get(self, job_id: str) -> dict[str, Any]:
        return self._ask("GET", f"/v1/jobs/{job_id}").json()

    def newest(self) -> list[dict[str, Any]]:
        """The newest jobs of this key, newest first."""
        return self._ask("GET", "/v1/jobs").json()["data"]

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._ask("POST", f"/v1/jobs/{job_id}/cancel").json()

    def retry(self, job_id: str) -> dict[str, Any]:
        return self._ask("POST", f"/v1/jobs/{job_id}/retry").json()

    def remove(self, job_id: str) -> None:
        self._ask("DELETE", f"/v1/jobs/{job_id}")

    def result(self, job_id: str, form: str = "json", language: str | None = None) -> str:
        """What was heard: ``json``, ``verbose_json``, ``text``, ``srt`` or ``vtt``."""
        params = {"format": form, **({"language": language} if language else {})}
        return self._ask("GET", f"/v1/jobs/{job_id}/result", params=params).text

    def follow(self, job_id: str, after: int = 0) -> Generator[Event]:
        """Events until the job is over, each segment once, through connections and servers that end.

        Args:
            after: segments that are known.

        Raises:
            JobNotFound: it was removed.
            Unavailable: the server has not answered for a minute.
        """
        silent_s = 0.0
        while True:
            try:
                for event in self._events(job_id, after):
                    silent_s = 0.0
                    if event.name == "removed":
                        raise JobNotFound(f"the job {job_id} was removed")
                    after = event.number if event.number is not None else after
                    yield event
                    if event.name in FINAL:
                        return
            except Unavailable:
                if silent_s >= PATIENCE_S:
                    raise
            self._sleep(AGAIN_S)
            silent_s += AGAIN_S

    def _events(self, job_id: str, after: int) -> Iterator[Event]:
        with (
            reachable(str(self._http.base_url)),
            self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(after)}) as response,
        ):
            if not response.is_success:
                response.read()
                raise error_of(response)
            yield from parse(response.iter_lines())

    def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        with reachable(str(self._http.base_url)):
            response = self._http.request(method, path, **what)
        if not response.is_success:
            raise error_of(response)
        return response


def parse(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events from the lines of a stream; one that is not complete is left out."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            key, _, value = line.partition(":")
            fields[key] = value.removeprefix(" ")
        else:
            if "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                yield Event(fields.get("event", "message"), json.loads(fields["data"]), number)
            fields = {}
