"""Slopes with their errors, on lines that are known."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadtests.fit import bins, fit, trend

numbers = st.floats(-1e3, 1e3)


@given(numbers, numbers, st.lists(st.integers(0, 10_000), min_size=3, unique=True))
def test_a_line_is_found_again(slope: float, intercept: float, xs: list[int]) -> None:
    found = fit(xs, [intercept + slope * x for x in xs])
    assert found is not None
    assert found.slope == pytest.approx(slope, abs=1e-6)
    assert found.intercept == pytest.approx(intercept, abs=1e-3)
    assert found.error == pytest.approx(0.0, abs=1e-6)


@given(st.lists(st.tuples(numbers, numbers), min_size=3), numbers)
def test_where_the_axis_begins_does_not_matter(points: list[tuple[float, float]], shift: float) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    assume(np.ptp(xs) > 1.0)
    here, there = fit(xs, ys), fit([x + shift for x in xs], ys)
    assert here is not None
    assert there is not None
    assert there.slope == pytest.approx(here.slope, rel=1e-6, abs=1e-6)
    assert there.error == pytest.approx(here.error, rel=1e-6, abs=1e-6)


def test_the_error_is_the_spread_of_slopes_over_many_noisy_lines() -> None:
    noise = np.random.default_rng(1)
    x = np.arange(50.0)
    found = [fit(x.tolist(), (2.0 * x + noise.normal(0, 3.0, 50)).tolist()) for _ in range(400)]
    slopes = [line.slope for line in found if line]
    errors = [line.error for line in found if line]
    assert np.mean(slopes) == pytest.approx(2.0, abs=0.01)
    assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.1)


def test_too_little_to_tell() -> None:
    assert fit([1.0, 2.0], [1.0, 2.0]) is None
    assert fit([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    with pytest.raises(ValueError, match="2 x and 3 y"):
        fit([1.0, 2.0], [1.0, 2.0, 3.0])


def test_bins_hold_medians_and_empty_ones_are_left_out() -> None:
    binned = bins([(0.0, 1.0), (9.9, 3.0), (5.0, 2.0), (30.0, 7.0), (-1.0, 5.0)], 10.0)
    assert [(one.start, one.count, one.median) for one in binned] == [(-10.0, 1, 5.0), (0.0, 3, 2.0), (30.0, 1, 7.0)]


@given(st.lists(st.tuples(numbers, numbers)), st.floats(0.1, 100.0))
def test_every_point_is_in_one_bin(points: list[tuple[float, float]], width: float) -> None:
    binned = bins(points, width)
    assert sum(one.count for one in binned) == len(points)
    assert all(one.median <= one.p95 + 1e-9 for one in binned)


def test_a_trend_goes_through_the_medians_of_full_bins() -> None:
    points = [(10.0 * number + offset, 2.0 * number) for number in range(4) for offset in (1.0, 2.0, 3.0)]
    line = trend(bins([*points, (90.0, 1000.0)], 10.0))
    assert line is not None
    assert line.slope == pytest.approx(0.2)
