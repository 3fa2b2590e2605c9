"""Figures of a run, from what was measured. Pure."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

QUANTILES = (50, 95, 99)


def percentiles(seconds: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 by linear interpolation, rounded to milliseconds; None where there are no values."""
    if not seconds:
        return {f"p{quantile}": None for quantile in QUANTILES}
    return {f"p{quantile}": round(float(np.percentile(seconds, quantile)), 3) for quantile in QUANTILES}


def tally(errors: Sequence[str]) -> dict[str, int]:
    """How often each happened, the most frequent first."""
    return dict(Counter(errors).most_common())


def rate(count: float, seconds: float) -> float | None:
    """``count`` per second; None for no time."""
    return round(count / seconds, 3) if seconds else None
