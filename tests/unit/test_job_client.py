"""Following a job through broken connections."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from izwi.errors import JobNotFound, Unavailable
from izwi.jobs import client as clients
from izwi.jobs.client import Event, JobClient, parse

STREAM = """event: segment
id: 1
data: {"text": "one"}

: still here

event: progress
data: {"progress": 0.5}

event: segment
id: 2
data: {"text": "tw"""


class Script(httpx.BaseTransport):
    """Answers one after the other."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = iter(answers)
        self.last_ids: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.last_ids.append(request.headers.get("last-event-id", ""))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def following(script: Script, waits: list[float]) -> Iterator[Event]:
    client = JobClient("http://izwi", sleep=waits.append)
    client._http = httpx.Client(transport=script, base_url="http://izwi")
    return client.follow("job_1")


def stream(text: str) -> httpx.Response:
    return httpx.Response(200, text=text)


def error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "told", "request_id": "r"}})


def test_events_are_read_and_one_that_is_cut_off_is_left_out() -> None:
    events = list(parse(iter(STREAM.split("\n"))))
    assert events == [Event("segment", {"text": "one"}, 1), Event("progress", {"progress": 0.5}, None)]


def test_who_follows_comes_back_with_what_it_has() -> None:
    waits: list[float] = []
    final = 'event: segment\nid: 2\ndata: {"text": "two"}\n\nevent: done\ndata: {"id": "job_1"}\n\n'
    script = Script(stream(STREAM), httpx.ConnectError("gone"), error(503, "not_ready"), stream(final))
    events = list(following(script, waits))
    assert [event.name for event in events] == ["segment", "progress", "segment", "done"]
    assert script.last_ids == ["0", "1", "1", "1"]
    assert len(waits) == 3


def test_a_server_that_stays_away_and_a_job_that_is_gone_are_told() -> None:
    waits: list[float] = []
    away = Script(*[httpx.ConnectError("gone")] * 100)
    with pytest.raises(Unavailable, match="cannot reach"):
        list(following(away, waits))
    assert sum(waits) == clients.PATIENCE_S
    removed: Any = 'event: removed\ndata: {"id": "job_1"}\n\n'
    for answer in (stream(removed), error(404, "job_not_found")):
        with pytest.raises(JobNotFound):
            list(following(Script(answer), []))
