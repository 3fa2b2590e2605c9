"""Whether this process makes spans. OpenTelemetry is imported only where it does."""

from typing import TYPE_CHECKING

from izwi.errors import PackageMissing
from izwi.settings import Settings
from izwi.tracing_settings import exporter_missing

if TYPE_CHECKING:
    from deployments.tracing.spans import Spans


def connect(settings: Settings, service: str) -> "Spans | None":
    """What makes the spans of a deployment; None without ``IZWI_TRACING__ENDPOINT``.

    Raises:
        PackageMissing: the package that sends them is not installed.
    """
    if settings.tracing.endpoint is None:
        return None
    if missing := exporter_missing():
        raise PackageMissing(missing)
    from deployments.tracing.export import exporter
    from deployments.tracing.spans import Spans

    return Spans(settings.tracing, service, exporter(settings.tracing, settings.tracing.endpoint))
