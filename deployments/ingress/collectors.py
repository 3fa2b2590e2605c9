"""Metrics that are read where they are kept when somebody asks, instead of being written on every change."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from izwi.correction import sounds, vocabulary

Depths = Callable[[], Mapping[str, tuple[int, int]]]
"""By queue, what waits in it and how much may."""
QUEUES = ("audio", "utterances", "clauses", "translations", "voices", "events")
"""Of a session, in the order of the flow."""


class QueueDepths(Collector):
    """The bounded queues of the sessions in `sessions`."""

    def __init__(self) -> None:
        self.sessions: set[Depths] = set()

    def collect(self) -> Iterable[Metric]:
        depth = GaugeMetricFamily("izwi_queue_depth", "What waits in a queue, all sessions together", labels=["queue"])
        fullest = GaugeMetricFamily(
            "izwi_queue_fullest_ratio", "The fullest such queue of one session, 0 to 1", labels=["queue"]
        )
        found = [depths() for depths in self.sessions]
        for queue in QUEUES:
            held = [depths[queue] for depths in found if queue in depths]
            depth.add_metric([queue], sum(waiting for waiting, _ in held))
            fullest.add_metric([queue], max((waiting / most for waiting, most in held), default=0.0))
        return depth, fullest


class Caches(Collector):
    """Hits and misses of what this process remembers."""

    def __init__(self) -> None:
        self.sources: dict[str, Callable[[], tuple[int, int]]] = {
            "spellings": lambda: sounds.spelling.cache_info()[:2],
            "sounds": lambda: sounds.sound.cache_info()[:2],
            "vocabulary": vocabulary.looked_up,
        }
        """By cache, its hits and misses so far."""

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "izwi_cache_requests", "Look-ups in a cache, by whether it had the answer", labels=["cache", "result"]
        )
        for cache, source in self.sources.items():
            for result, count in zip(("hit", "miss"), source(), strict=True):
                requests.add_metric([cache, result], count)
        return (requests,)
