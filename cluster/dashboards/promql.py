"""PromQL that several panels need, over the ingress replicas that are chosen above a dashboard. Pure."""

from cluster.dashboards.grafana import REPLICAS, Query

WINDOW = "[$__rate_interval]"
HEARD = ', stage="asr"'
"""Recognition alone."""


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Per second, over all replicas that are chosen."""
    return f"sum by ({by}) (rate({metric}{{{REPLICAS}{where}}}{WINDOW}))"


def total(metric: str, by: str = "") -> str:
    return f"sum by ({by}) ({metric}{{{REPLICAS}}})"


def highest(metric: str, by: str = "") -> str:
    return f"max by ({by}) ({metric}{{{REPLICAS}}})"


def quantile(q: float, metric: str, by: str = "") -> str:
    """Of a histogram; ``metric`` without ``_bucket``."""
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', labels)})"


def ratio(part: str, whole: str) -> str:
    return f"{part} / {whole}"


def share(part: str, whole: str) -> str:
    """0 where there is no such part."""
    return f"({part} or vector(0)) / {whole}"


def quantiles(metric: str, quiet: bool = False) -> tuple[Query, ...]:
    return tuple(Query(quantile(q, metric), f"p{q * 100:g}", quiet) for q in (0.5, 0.95, 0.99))


def p95(metric: str, by: str, quiet: bool = False) -> tuple[Query, ...]:
    return (Query(quantile(0.95, metric, by), f"{{{{{by}}}}}", quiet),)
