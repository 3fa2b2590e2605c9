"""The application around its routes: what every answer has, and what is counted."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from deployments.ingress.metrics import Metrics
from izwi.settings import Settings
from tests.metrics import value
from tests.unit.test_document import assembled

PAGE = "https://page.example"


def client(metrics: Metrics) -> httpx.AsyncClient:
    settings = Settings(_env_file=None, cors_origins=(PAGE,))  # type: ignore[call-arg]
    app = assembled(settings, metrics)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret")

    @app.get("/breaks")
    async def breaks() -> StreamingResponse:
        async def body() -> AsyncGenerator[bytes]:
            yield b"begun"
            raise ZeroDivisionError("secret")

        return StreamingResponse(body())

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers={"Origin": PAGE})


def counted(metrics: Metrics, path: str, status: int) -> float:
    text = metrics.exposition().decode()
    return value(text, "izwi_http_request_seconds_count", path=path, status=str(status))


async def test_what_nobody_foresaw_is_answered_and_counted_like_any_other_error() -> None:
    metrics = Metrics()
    with capture_logs() as logs:
        async with client(metrics) as http:
            answer = await http.get("/broken")
    error = answer.json()["error"]
    assert answer.status_code == 500
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert "secret" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["X-Request-Id"] == error["request_id"]
    assert float(answer.headers["X-Response-Time-Ms"]) >= 0
    assert counted(metrics, "/broken", 500) == 1
    assert [type(line["exc_info"]) for line in logs if line["event"] == "request_failed"] == [ZeroDivisionError]


async def test_an_answer_that_fails_midway_breaks_off_and_counts_as_a_failure() -> None:
    metrics = Metrics()
    with capture_logs() as logs:
        async with client(metrics) as http:
            with pytest.raises(ZeroDivisionError):
                await http.get("/breaks")
    assert counted(metrics, "/breaks", 500) == 1
    assert [line["event"] for line in logs] == ["request_failed", "request"]


async def test_a_page_may_use_clients_that_add_headers_of_their_own() -> None:
    asked = "authorization,content-type,x-stainless-lang,x-stainless-retry-count"
    ahead = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked}
    async with client(Metrics()) as http:
        answer = await http.options("/v1/audio/speech", headers=ahead)
        foreign = await http.options("/v1/audio/speech", headers=ahead | {"Origin": "https://other.example"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert set(asked.split(",")) <= set(answer.headers["Access-Control-Allow-Headers"].split(","))
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert foreign.status_code == 400
    assert "Access-Control-Allow-Origin" not in foreign.headers


async def test_a_page_may_read_what_the_head_of_an_answer_tells() -> None:
    async with client(Metrics()) as http:
        answer = await http.get("/healthz")
    shown = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"X-Request-Id", "X-Izwi-Meta", "X-Izwi-Warning", "X-Izwi-Partial", "Retry-After", "Location"} <= shown
