from contextlib import ExitStack

import pytest

from izwi.spacing import BUSY, MOST, Spacing

USUAL_S = 0.3


def spaced(speakers: int, cost_s: float, workers: int) -> float:
    spacing = Spacing(workers)
    for _ in range(100):
        spacing.took(cost_s)
    with ExitStack() as stack:
        for _ in range(speakers):
            stack.enter_context(spacing.speaking())
        return spacing.update_s(USUAL_S)


def test_before_the_first_pass_nothing_is_known_and_nothing_waits() -> None:
    spacing = Spacing()
    with spacing.speaking(), spacing.speaking():
        assert spacing.update_s(USUAL_S) == USUAL_S


def test_somebody_alone_is_updated_as_often_as_asked_for() -> None:
    assert spaced(1, 0.25, 2) == USUAL_S


@pytest.mark.parametrize(("speakers", "workers"), [(2, 2), (3, 2), (1, 1), (12, 10)])
def test_the_workers_rest_for_their_share_of_the_time(speakers: int, workers: int) -> None:
    update_s = spaced(speakers, 0.17, workers)
    assert USUAL_S < update_s < MOST * USUAL_S
    assert speakers * 0.17 / update_s / workers == pytest.approx(BUSY)


def test_a_crowd_waits_no_longer_than_that() -> None:
    assert spaced(40, 0.2, 2) == pytest.approx(MOST * USUAL_S)


def test_more_workers_bring_the_usual_period_back() -> None:
    assert spaced(4, 0.2, 2) > spaced(4, 0.2, 4) > USUAL_S
    assert spaced(4, 0.2, 8) == USUAL_S


def test_who_has_finished_counts_no_more() -> None:
    spacing = Spacing(1)
    spacing.took(0.4)
    with spacing.speaking():
        with spacing.speaking():
            assert spacing.update_s(USUAL_S) == MOST * USUAL_S
        alone_s = spacing.update_s(USUAL_S)
    assert alone_s == pytest.approx(0.4 / BUSY)
    assert spacing.update_s(USUAL_S) == USUAL_S


def test_a_pass_that_was_slow_once_is_forgotten() -> None:
    spacing = Spacing(1)
    spacing.took(5.0)
    with spacing.speaking():
        assert spacing.update_s(USUAL_S) == MOST * USUAL_S
        for _ in range(60):
            spacing.took(0.1)
        assert spacing.update_s(USUAL_S) == USUAL_S
