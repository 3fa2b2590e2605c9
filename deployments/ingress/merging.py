"""Metrics of several replicas as one exposition, in which each series says whose it is. Pure."""

from collections.abc import Iterable, Mapping

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

LABEL = "replica"

Families = Iterable[Metric]


class Merged(Collector):
    """Families of several replicas; those of one name become one.

    Where two releases run beside each other and a name is of another type in one of them, the first replica's counts:
    Prometheus keeps one type for a name.
    """

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def add(self, families: Families, replica: str | None) -> None:
        """Add what a replica tells; None where it is not about a replica."""
        for found in families:
            family = self._families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
            if family.type != found.type:
                continue
            mine = {} if replica is None else {LABEL: replica}
            family.samples += [sample._replace(labels={**sample.labels, **mine}) for sample in found.samples]

    def collect(self) -> Families:
        return self._families.values()

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self)


def written(families: Families) -> bytes:
    """As Prometheus reads it."""
    one = Merged()
    one.add(families, None)
    return one.text()


def merge(own: Families, replica: str, others: Mapping[str, bytes], about: Families) -> bytes:
    """The exposition of all.

    Args:
        own: what the replica of that name tells itself.
        others: by replica, their expositions.
        about: what is told of the whole.
    """
    merged = Merged()
    merged.add(about, None)
    merged.add(own, replica)
    for name in sorted(others):
        merged.add(text_string_to_metric_families(others[name].decode()), name)
    return merged.text()
