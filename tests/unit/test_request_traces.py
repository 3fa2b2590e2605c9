"""A trace per HTTP request, with the work that it caused below it."""

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from deployments.ingress import envelope
from deployments.ingress.metrics import Metrics
from deployments.ingress.middleware import RequestContext
from deployments.ingress.openai.streaming import Stream
from deployments.tracing.requests import RequestTraces
from deployments.tracing.spans import context_of
from deployments.tracing.stage_spans import StageSpans
from deployments.tracing.work import Work
from izwi import tracing
from izwi.errors import EngineFailed, UnsupportedPair
from izwi.stage_times import StageTimes
from izwi.stages import MtRequest, MtResult, Timing
from tests.unit.test_tracing import CLIENT
from tests.unit.traced import Kept, attributes, trace_id


def client(kept: Kept) -> httpx.AsyncClient:
    app, calls = FastAPI(), StageSpans(kept.spans)
    app.add_middleware(RequestTraces, spans=kept.spans)
    app.add_middleware(RequestContext, metrics=Metrics())
    envelope.add_handlers(app)

    async def translate(request: MtRequest) -> MtResult:
        match request.text:
            case "none":
                raise UnsupportedPair("no engine")
            case "broken":
                raise EngineFailed("it broke")
        return MtResult(request.text.upper(), Timing("scripted"))

    @app.get("/v1/words/{word}")
    async def word(word: str) -> dict[str, str | None]:
        await asyncio.gather(*(calls.mt(translate, MtRequest(word, "en", "es")) for _ in range(2)))
        return {"trace_id": StageTimes().meta(()).trace_id}

    @app.get("/stream")
    async def stream() -> Stream:
        async def body() -> AsyncGenerator[bytes]:
            for _ in range(3):
                yield (await calls.mt(translate, MtRequest("a", "en", "es"))).text.encode()

        return Stream(body(), "text/plain")

    @app.get("/healthz")
    async def healthz() -> None:
        assert tracing.current.get() is None

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def root(kept: Kept) -> ReadableSpan:
    (span,) = (span for span in kept.all() if span.name.startswith("GET"))
    return span


async def test_a_request_is_a_trace_and_says_which() -> None:
    kept = Kept()
    async with client(kept) as http:
        answer = await http.get("/v1/words/secret", headers={"x-request-id": "r-1"})
    span = root(kept)
    assert span.name == "GET /v1/words/{word}", "what a client has chosen is in no name"
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.route": "/v1/words/{word}",
        "http.response.status_code": 200,
        "izwi.request_id": "r-1",
    }
    assert int(answer.json()["trace_id"], 16) == trace_id(span)
    calls = kept.named("mt")
    assert [call.parent.span_id for call in calls if call.parent] == [span.context.span_id] * 2  # type: ignore[union-attr]
    assert "secret" not in " ".join(span.to_json() for span in kept.all())


async def test_a_stream_is_part_of_its_request_to_its_end() -> None:
    kept = Kept()
    async with client(kept) as http:
        assert (await http.get("/stream")).text == "AAA"
    span = root(kept)
    assert len(kept.named("mt")) == 3
    assert all(call.end_time <= span.end_time for call in kept.named("mt"))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("word", "status", "code", "outcome"),
    [("none", 400, "unsupported_pair", StatusCode.UNSET), ("broken", 503, "engine_failed", StatusCode.ERROR)],
)
async def test_a_request_that_fails_tells_its_code(word: str, status: int, code: str, outcome: StatusCode) -> None:
    kept = Kept()
    async with client(kept) as http:
        assert (await http.get(f"/v1/words/{word}")).status_code == status
    span = root(kept)
    assert (attributes(span)["http.response.status_code"], attributes(span)["error.type"]) == (status, code)
    assert span.status.status_code is outcome


async def test_the_trace_of_the_client_goes_on_and_probes_have_none() -> None:
    kept = Kept(sample_ratio=0)
    async with client(kept) as http:
        await http.get("/v1/words/a", headers={"traceparent": CLIENT})
        await http.get("/v1/words/a")
        await http.get("/healthz", headers={"traceparent": CLIENT})
    before, span = context_of(CLIENT), root(kept)
    assert before is not None
    assert (trace_id(span), span.parent.span_id) == (before.trace_id, before.span_id)  # type: ignore[union-attr]


async def test_what_is_said_about_work_that_is_over_changes_nothing() -> None:
    kept = Kept()
    work = Work(kept.spans, kept.spans.begin("utterance", "server", {}))
    work.end()
    work.detected(Timing("late"), 512)
    work.end("late")
    (span,) = kept.all()
    assert (span.name, span.status.status_code) == ("utterance", StatusCode.UNSET)
