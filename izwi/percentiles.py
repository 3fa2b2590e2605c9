"""Percentiles of what was measured. Pure."""

from collections.abc import Sequence

import numpy as np

Percentiles = dict[str, float | None]
"""``p50`` and so on, in the unit of what was measured; None where nothing was."""


def percentiles(values: Sequence[float], which: Sequence[int] = (50, 95, 99), digits: int = 3) -> Percentiles:
    """By linear interpolation.

    Args:
        which: of 100.
        digits: after the decimal point; with three of them seconds are rounded to milliseconds.
    """
    if not values:
        return {f"p{q}": None for q in which}
    return {f"p{q}": round(float(np.percentile(values, q)), digits) for q in which}
