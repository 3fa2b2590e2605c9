"""Spans of one process, sent in the background.

Contexts come and go as W3C ``traceparent`` strings: plain values that cross processes. What is not sampled has
no spans at all, so that whatever is made here is sent.
"""

import asyncio
import os
import random
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from izwi.logs import drop_payloads
from izwi.tracing_settings import TracingSettings

BATCH = 256
"""Spans sent at once: encoding them takes some milliseconds, which the event loop shares."""
LONGEST = 128
"""Characters of an attribute: names and codes are shorter."""
FLUSH_S = 0.5
"""For what has not been sent when a process ends."""
NOWHERE = Context()
"""Ray has spans of its own in the ambient context; ours do not hang from them."""

Value = str | bool | int | float
Attributes = Mapping[str, Value]
Kind = Literal["server", "client", "internal"]

_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_w3c = TraceContextTextMapPropagator()


def context_of(traceparent: str) -> SpanContext | None:
    """What a header says; None where it is not valid."""
    found = get_current_span(_w3c.extract({"traceparent": traceparent}, NOWHERE)).get_span_context()
    return found if found.is_valid else None


class Span:
    """Work under way. Its attributes are measures and names: fields that promise audio, text or keys are dropped, as in
    logs."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    @property
    def trace_id(self) -> str:
        return format_trace_id(self._span.get_span_context().trace_id)

    @property
    def traceparent(self) -> str:
        """For work that is part of this."""
        carrier: dict[str, str] = {}
        _w3c.inject(carrier, set_span_in_context(self._span, NOWHERE))
        return carrier["traceparent"]

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(_harmless(attributes))

    def end(self, error: str = "", at_s: float | None = None) -> None:
        """It is over.

        Args:
            error: wire code of what it failed with.
            at_s: when, in seconds since the epoch; now if not given.
        """
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(None if at_s is None else round(at_s * 1e9))


class Spans:
    """Makes the spans of one process.

    Args:
        service: name of the deployment.
        exporter: called in a thread of its own.
    """

    def __init__(self, settings: TracingSettings, service: str, exporter: SpanExporter) -> None:
        self._ratio = settings.sample_ratio
        self._follow = settings.follow_clients
        host, pid = socket.gethostname(), os.getpid()
        resource = {
            "service.namespace": "izwi",
            "service.name": f"izwi-{service}",
            "service.instance.id": f"{host}-{pid}",
            "process.pid": pid,
        }
        # Not the process's global provider, which is Ray's to set.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create(resource),
            span_limits=SpanLimits(max_attribute_length=LONGEST),
            shutdown_on_exit=False,  # it would wait for a collector that hangs
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, settings.queue, settings.interval_s * 1000, min(BATCH, settings.queue))
        )
        self._tracer = self._provider.get_tracer("izwi")

    def client(self, traceparent: str) -> SpanContext | None:
        """The trace that a client's header names, if it is valid and is to be followed."""
        return context_of(traceparent) if traceparent and self._follow else None

    def sampled(self, client: SpanContext | None) -> bool:
        """Whether something is to be traced; where a client has a trace, it decides."""
        return client.trace_flags.sampled if client else random.random() < self._ratio

    def begin(
        self, name: str, kind: Kind, attributes: Attributes, parent: str = "", link: SpanContext | None = None
    ) -> Span:
        """A span from now until its `Span.end`.

        Args:
            parent: ``traceparent`` of what it is part of; empty begins a trace.
            link: of another trace that it has to do with.
        """
        return Span(
            self._tracer.start_span(
                name,
                _w3c.extract({"traceparent": parent}, NOWHERE) if parent else NOWHERE,
                _KINDS[kind],
                _harmless(attributes),
                [Link(link)] if link else (),
            )
        )

    def record(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        parent: str,
        began_s: float,
        seconds: float,
        error: str = "",
    ) -> None:
        """Something that is over.

        Args:
            began_s: on the clock of `time.perf_counter`.
        """
        began = time.time() - (time.perf_counter() - began_s)
        span = self._tracer.start_span(
            name,
            _w3c.extract({"traceparent": parent}, NOWHERE),
            _KINDS[kind],
            _harmless(attributes),
            start_time=round(began * 1e9),
        )
        Span(span).end(error, began + seconds)

    async def flush(self, limit_s: float = FLUSH_S) -> bool:
        """Send what waits; returns whether that was done in time. A collector that hangs is left alone."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._provider.force_flush()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(sent.set)

        threading.Thread(target=send, name="flush-traces", daemon=True).start()
        try:
            async with asyncio.timeout(limit_s):
                await sent.wait()
        except TimeoutError:
            return False
        return True

    def close(self, limit_s: float = FLUSH_S) -> None:
        """As `flush`, without an event loop."""
        sending = threading.Thread(target=self._provider.force_flush, name="flush-traces", daemon=True)
        sending.start()
        sending.join(limit_s)


def _harmless(attributes: Attributes) -> dict[str, Value]:
    return dict(drop_payloads(None, "", dict(attributes)))
