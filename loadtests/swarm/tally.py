"""All notes of a run put together: percentiles, and how they went over time. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from izwi.percentiles import percentiles
from loadtests.fit import bins
from loadtests.swarm.notes import COUNT, ERROR, TIME, Note

QUANTILES = (50, 90, 95, 99)
CURVE = (0, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 92, 94, 95, 96, 97, 98, 99, 99.5, 99.9, 100)
"""Percentiles of the curve in the report."""
MOST_BINS = 60


class Tally:
    """Takes notes in any order."""

    def __init__(self) -> None:
        self._times: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def add(self, notes: Iterable[Note | Sequence[Any]]) -> None:
        """Notes as `Notes.drain` gives them, or as they come out of a message."""
        for kind, name, at, value in notes:
            match kind:
                case str() if kind == TIME:
                    self._times[name].append((at, value))
                case str() if kind == COUNT:
                    self.counts[name] += value
                case str() if kind == ERROR:
                    self.errors[name] += 1
                case _:
                    raise ValueError(f"no such note: {kind}")

    def values(self, metric: str, since: float = 0.0) -> list[float]:
        """Those that were noted since that wall-clock time, the newest first."""
        return [value for _, value in takewhile(lambda point: point[0] >= since, reversed(self._times[metric]))]

    def metric(self, name: str, began: float, seconds: float) -> dict[str, Any] | None:
        """Percentiles of all values, and medians and 95th percentiles over time; None where there are none."""
        points = self._times[name]
        if not points:
            return None
        values = [value for _, value in points]
        width = max(5.0, seconds / MOST_BINS)
        return {
            "count": len(values),
            **percentiles(values, QUANTILES),
            "max": _round(max(values)),
            "curve": [[q, _round(np.percentile(values, q))] for q in CURVE],
            "over_time": [
                {"at_s": one.start, "count": one.count, "p50": _round(one.median), "p95": _round(one.p95)}
                for one in bins(((at - began, value) for at, value in points), width)
            ],
        }


def _round(value: Any) -> float:
    return round(float(value), 3)
