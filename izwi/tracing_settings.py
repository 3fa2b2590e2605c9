"""Settings of traces: where they are sent, and how many."""

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field, SecretStr

EXPORTER = "opentelemetry.exporter.otlp.proto.http"


class TracingSettings(BaseModel):
    """Traces by OpenTelemetry, one per utterance and request; off without ``endpoint``."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s/]+\S*$")
    """Of a collector that takes OTLP over HTTP, without ``/v1/traces``: ``http://127.0.0.1:4318``."""
    headers: dict[str, SecretStr] = {}
    """Sent along, for collectors that want a key: ``{"authorization": "Bearer ..."}``."""
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """Share of utterances and requests that are traced."""
    follow_clients: bool = True
    """Go on with the trace that a client names in a ``traceparent`` header, and trace what it samples. False where
    clients are strangers, who would decide how much there is to store."""
    user_key: SecretStr | None = None
    """With it, the name of a caller's API key is told as an HMAC; unset leaves it out."""
    interval_s: float = Field(default=1.0, gt=0)
    """Seconds between two batches; a replica that is killed takes what it has not sent along."""
    timeout_s: float = Field(default=5.0, gt=0)
    """For a batch, repetitions included; then it is lost."""
    queue: int = Field(default=4096, ge=256)
    """Spans that wait in a process while the collector is slow or away, some 2 kB each; then the oldest are lost."""


def exporter_missing() -> str:
    """How to get what sends traces; empty where it is installed."""
    try:
        found = find_spec(f"{EXPORTER}.trace_exporter") is not None
    except ModuleNotFoundError:  # not even the packages around it
        found = False
    return "" if found else "traces need opentelemetry-exporter-otlp-proto-http: pip install 'izwi[tracing]'"
