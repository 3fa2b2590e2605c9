"""One trace per utterance, whatever happens to it; nothing at all where traces are off."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import numpy as np
import opentelemetry.sdk.trace as sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import StatusCode, format_trace_id

from deployments.tracing.connect import connect
from deployments.tracing.spans import context_of
from deployments.tracing.stage_spans import CANCELLED, StageSpans
from deployments.tracing.work import Work
from izwi import messages as m
from izwi import tracing
from izwi.errors import EngineFailed, IzwiError, PackageMissing
from izwi.logs import pseudonym
from izwi.settings import Settings
from izwi.stages import AsrRequest, MtRequest, MtResult, Timing, TtsRequest
from izwi.tracing_settings import TracingSettings
from tests.unit.scripted import VOCABULARY, Script, run, silence, speech
from tests.unit.traced import Kept, TracedScript, attributes, trace_id

ROOT = Path(__file__).resolve().parents[2]
TWO = np.concatenate([silence(0.5), speech("one", "two."), silence(1), speech("three", "four."), silence(1)])
CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""A sampled trace, from W3C's specification."""


async def test_an_utterance_is_a_trace_with_every_call_that_was_made_for_it() -> None:
    script = TracedScript()
    heard = await run(TWO, script, debug=True)
    roots = script.kept.named("utterance")
    assert [attributes(root)["izwi.utterance"] for root in roots] == [0, 1]
    assert len({trace_id(root) for root in roots}) == 2
    for number, root in enumerate(roots):
        assert root.parent is None
        assert attributes(root)["session.id"] == "a-session"
        own = [span for span in script.kept.all() if trace_id(span) == trace_id(root) and span is not root]
        assert {span.parent.span_id for span in own if span.parent} == {root.context.span_id}  # type: ignore[union-attr]
        counts = Counter(span.name for span in own)
        assert counts["vad"] == counts["mt"] == counts["tts"] == counts["asr final"] == 1
        assert counts["asr partial"] >= 1
        final = heard.of(m.TranscriptFinalMessage)[number]
        assert final.data.meta.trace_id == format_trace_id(trace_id(root))


def test_every_attribute_is_on_the_page() -> None:
    told = {
        name
        for file in (ROOT / "deployments").rglob("*.py")
        for name in re.findall(r'"(izwi\.[a-z_]+)"', file.read_text())
    }
    assert {"izwi.turn_s", "izwi.outcome"} <= told
    assert not {name for name in told if f"`{name}`" not in (ROOT / "docs" / "tracing.md").read_text()}


async def test_requests_bring_the_trace_of_their_call_to_the_stage() -> None:
    script = TracedScript()
    await run(TWO, script)
    for kind, names in ((AsrRequest, ("asr partial", "asr final")), (MtRequest, ("mt",)), (TtsRequest, ("tts",))):
        brought = [context_of(asked.trace) for asked in script.asked if isinstance(asked, kind)]
        made = [span.get_span_context() for span in script.kept.named(*names)]
        assert [(one.trace_id, one.span_id) for one in brought if one] == [(s.trace_id, s.span_id) for s in made if s]


async def test_spans_tell_queue_compute_engine_and_fallback_apart() -> None:
    timing = Timing("second", 0.2, 0.3, preferred="first", failed=("first",), batch=3, attempts=2)
    script = TracedScript(engine=lambda stage: timing)
    await run(TWO, script)
    for span in script.kept.named("asr final", "mt"):
        told = attributes(span)
        assert (told["izwi.queue_s"], told["izwi.compute_s"], told["izwi.engine"]) == (0.2, 0.3, "second")
        assert (told["izwi.fallback"], told["izwi.failed"]) == (True, 1)
        assert (told["izwi.batch"], told["izwi.attempts"]) == (3, 2)
    vad = attributes(script.kept.named("vad")[0])
    assert vad["izwi.queue_s"] == pytest.approx(0.2 * vad["izwi.calls"])  # type: ignore[operator]
    tts = attributes(script.kept.named("tts")[0])
    assert tts["izwi.queue_s"] == pytest.approx(0.2 * tts["izwi.pieces"])  # type: ignore[operator]


async def test_a_failed_call_tells_its_code_and_nothing_of_what_it_said() -> None:
    script = TracedScript(fail=lambda stage, request: EngineFailed("the text was: hush") if stage == "mt" else None)
    await run(TWO, script)
    failed = script.kept.named("mt")
    assert [attributes(span)["error.type"] for span in failed] == ["engine_failed"] * 2
    assert all(span.status.status_code is StatusCode.ERROR and not span.events for span in failed)
    assert "hush" not in " ".join(span.to_json() for span in script.kept.all())


async def test_nothing_of_what_was_said_is_in_any_span() -> None:
    script = TracedScript(kept=Kept(user_key="pepper"), owner="clinic")
    heard = await run(TWO, script, hotwords=("seven",))
    assert "".join(heard.finals)
    told = " ".join(span.to_json() for span in script.kept.all())
    words = [*VOCABULARY, *(word.upper() for word in VOCABULARY), "clinic"]
    assert [word for word in words if f'"{word}' in told or f" {word}" in told] == []
    assert pseudonym("clinic", b"pepper") in told


async def test_fields_that_promise_a_payload_are_dropped() -> None:
    kept = Kept()
    span = kept.spans.begin("x", "server", {"source_text": "hush", "izwi.chars": 4})
    span.note({"api_key": "hush", "izwi.audio_s": 1.0})
    span.end()
    assert attributes(kept.all()[0]) == {"izwi.chars": 4, "izwi.audio_s": 1.0}


async def test_an_utterance_that_is_cut_off_says_why() -> None:
    kept = Kept()
    script = TracedScript(kept=kept)
    assert script.session.begin(0) is not None
    script.session.close("disconnected")
    script.session.close("ended")
    (root,) = kept.all()
    assert attributes(root)["error.type"] == "disconnected"


async def test_a_call_that_nobody_waits_for_any_more_is_cancelled() -> None:
    kept = Kept()

    async def never(request: MtRequest) -> MtResult:
        await asyncio.sleep(3600)
        raise AssertionError

    tracing.current.set(Work(kept.spans, kept.spans.begin("utterance", "server", {})))
    asking = asyncio.create_task(StageSpans(kept.spans).mt(never, MtRequest("a", "en", "es")))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert attributes(kept.named("mt")[0])["error.type"] == CANCELLED


# --- what is traced ---------------------------------------------------------------------------------------------------
async def test_a_session_links_its_utterances_to_the_trace_of_the_client() -> None:
    script = TracedScript(kept=Kept(sample_ratio=0), traceparent=CLIENT)
    await run(TWO, script)
    roots = script.kept.named("utterance")
    client = context_of(CLIENT)
    assert client is not None
    assert [[link.context.span_id for link in root.links] for root in roots] == [[client.span_id]] * 2
    assert client.trace_id not in {trace_id(root) for root in roots}


@pytest.mark.parametrize(
    ("settings", "traceparent", "traced"),
    [
        ({"sample_ratio": 0}, "", False),
        ({"sample_ratio": 1}, "", True),
        ({"sample_ratio": 1}, CLIENT.removesuffix("1") + "0", False),  # the client does not sample it
        ({"sample_ratio": 0, "follow_clients": False}, CLIENT, False),
        ({"sample_ratio": 0}, "00-nonsense", False),
    ],
)
async def test_what_is_traced(settings: dict[str, object], traceparent: str, traced: bool) -> None:
    script = TracedScript(kept=Kept(**settings), traceparent=traceparent)
    heard = await run(TWO, script, debug=True)
    assert bool(script.kept.all()) is traced
    assert [bool(final.data.meta.trace_id) for final in heard.of(m.TranscriptFinalMessage)] == [traced] * 2


async def test_the_share_that_is_traced_is_the_one_asked_for() -> None:
    spans = Kept(sample_ratio=0.25).spans
    assert 800 < sum(spans.sampled(None) for _ in range(4000)) < 1200


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.*", fullmatch=True))
def test_a_header_is_a_context_or_nothing(header: str) -> None:
    found = context_of(header)
    assert found is None or (found.is_valid and f"{found.trace_id:032x}" in header.lower())


# --- off --------------------------------------------------------------------------------------------------------------
async def test_where_traces_are_off_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a span was made")

    monkeypatch.setattr(sdk.TracerProvider, "__init__", refuse)
    monkeypatch.setattr(sdk.Tracer, "start_span", refuse)
    assert connect(Settings(_env_file=None), "ingress") is None  # type: ignore[call-arg]
    script = Script()
    heard = await run(TWO, script, debug=True)
    assert {getattr(request, "trace", "") for request in script.asked} == {""}
    assert [final.data.meta.trace_id for final in heard.of(m.TranscriptFinalMessage)] == [None, None]


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.tracing.connect.exporter_missing", lambda: "pip install 'izwi[tracing]'")
    settings = Settings(_env_file=None, tracing=TracingSettings(endpoint="http://127.0.0.1:4318"))  # type: ignore[call-arg]
    with pytest.raises(PackageMissing, match=r"izwi\[tracing\]") as caught:
        connect(settings, "asr")
    assert isinstance(caught.value, IzwiError)
