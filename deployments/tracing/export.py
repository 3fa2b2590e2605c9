"""Sending spans to a collector, which may be away: they are then lost, and the log says so once."""

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from izwi.tracing_settings import TracingSettings

TALKATIVE = ("opentelemetry.exporter.otlp", "opentelemetry.sdk._shared_internal")
"""Loggers with a line for each batch that is lost, and for each attempt before."""

log = structlog.get_logger()


def exporter(settings: TracingSettings, endpoint: str) -> SpanExporter:
    """Sends batches to ``endpoint``. The environment's proxies are not asked, and no redirect is followed: keys go
    where the settings say."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    return Watched(
        OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces",
            headers={name: value.get_secret_value() for name, value in settings.headers.items()},
            timeout=settings.timeout_s,
            session=session,
        ),
        endpoint,
    )


class Watched(SpanExporter):
    """Says when spans begin to be lost, and when they arrive again."""

    def __init__(self, inner: SpanExporter, endpoint: str) -> None:
        self._inner = inner
        self._where = urlsplit(endpoint).netloc.rpartition("@")[2]  # a URL may hold a password
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                log.info("traces_arrive_again", collector=self._where, lost=self._lost)
            self._lost = 0
        else:
            if not self._lost:
                log.warning("traces_lost", collector=self._where)
            self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()
