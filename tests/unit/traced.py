"""Spans kept in memory instead of sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deployments.tracing.sessions import SessionTraces
from deployments.tracing.spans import Spans
from deployments.tracing.stage_spans import StageSpans
from izwi.stages import Stages
from izwi.tracing_settings import TracingSettings
from tests.unit.scripted import Script

PATIENCE_S = 60.0
"""A busy machine is no failure."""


class Kept:
    """Spans of one process and what became of them."""

    def __init__(self, **settings: object) -> None:
        self.settings = TracingSettings(**settings)  # type: ignore[arg-type]
        self._memory = InMemorySpanExporter()
        self.spans = Spans(self.settings, "test", self._memory)

    def all(self) -> Sequence[ReadableSpan]:
        self.spans.close(PATIENCE_S)
        return self._memory.get_finished_spans()

    def named(self, *names: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name in names]


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def trace_id(span: ReadableSpan) -> int:
    return span.get_span_context().trace_id  # type: ignore[union-attr]


@dataclass
class TracedScript(Script):
    """Scripted stages, called as the ingress calls them."""

    kept: Kept = field(default_factory=Kept)
    owner: str = ""
    traceparent: str = ""

    def __post_init__(self) -> None:
        self.session = SessionTraces(self.kept.spans, self.kept.settings, "a-session", self.owner, self.traceparent)

    def stages(self) -> Stages:
        plain, traced = super().stages(), StageSpans(self.kept.spans)
        return replace(
            plain,
            vad=partial(traced.vad, plain.vad),
            asr=partial(traced.asr, plain.asr),
            mt=partial(traced.mt, plain.mt),
            tts=partial(traced.tts, plain.tts),
            trace=self.session.begin,
        )
