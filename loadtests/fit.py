"""A straight line through measurements, by least squares, with how sure its slope is. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """``y = intercept + slope * x``."""

    slope: float
    intercept: float
    error: float
    """Standard error of the slope, in its unit. It takes the points for independent: samples of a slow process are not,
    so fit medians of bins rather than single samples where they are at hand, and read it as a lower bound."""

    def __str__(self) -> str:
        return f"{self.slope:+.3f} ± {self.error:.3f}"


def fit(xs: Sequence[float], ys: Sequence[float]) -> Line | None:
    """Least squares; None where there are fewer than three points or all stand at the same ``x``.

    Raises:
        ValueError: the two differ in length.
    """
    if len(xs) != len(ys):
        raise ValueError(f"{len(xs)} x and {len(ys)} y")
    x, y = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
    if len(x) < 3 or not np.ptp(x):
        return None
    centred = x - x.mean()  # sums of squares stay exact where x is a clock with a large offset
    spread = float(centred @ centred)
    slope = float(centred @ (y - y.mean())) / spread
    rest = y - y.mean() - slope * centred
    error = (float(rest @ rest) / (len(x) - 2) / spread) ** 0.5
    return Line(slope, float(y.mean()) - slope * float(x.mean()), error)


@dataclass(frozen=True)
class Bin:
    start: float
    """In the unit of x."""
    count: int
    median: float
    p95: float


def bins(points: Iterable[tuple[float, float]], width: float) -> list[Bin]:
    """Points ``(x, y)`` gathered by ``x`` into bins that begin at multiples of ``width``; empty bins are left out."""
    gathered: dict[int, list[float]] = {}
    for x, y in points:
        gathered.setdefault(int(x // width), []).append(y)
    return [
        Bin(number * width, len(ys), float(np.median(ys)), float(np.percentile(ys, 95)))
        for number, ys in sorted(gathered.items())
    ]


def trend(binned: Sequence[Bin], least: int = 3) -> Line | None:
    """The line through the bins' medians; bins of fewer than ``least`` points are left out."""
    kept = [one for one in binned if one.count >= least]
    return fit([one.start for one in kept], [one.median for one in kept])
