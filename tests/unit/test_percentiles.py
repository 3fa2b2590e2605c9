from izwi.percentiles import percentiles


def test_they_interpolate() -> None:
    assert percentiles([0.1, 0.2, 0.3]) == {"p50": 0.2, "p95": 0.29, "p99": 0.298}
    assert percentiles([3.0, 1.0, 2.0], (50, 95)) == {"p50": 2.0, "p95": 2.9}


def test_they_are_rounded() -> None:
    assert percentiles([1.0, 2.0, 3.0], digits=1) == {"p50": 2.0, "p95": 2.9, "p99": 3.0}
    assert percentiles([1 / 3]) == {"p50": 0.333, "p95": 0.333, "p99": 0.333}


def test_those_of_nothing_are_not_zero() -> None:
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}
    assert percentiles([], (50,)) == {"p50": None}
