from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi.load import HURRIED, RELIEF, STRETCHED, Level, Load, LoadState

WANTED_S, CAPTIONS_ONLY_S = 0.3, 3.0
STRETCHED_S = STRETCHED * WANTED_S


def under(*periods: float) -> Load:
    load = Load(WANTED_S, CAPTIONS_ONLY_S)
    for period in periods:
        load.observe(period)
    return load


def told(load: Load, period: float, times: int = 40) -> list[LoadState]:
    """What is told while the period stays the same; 40 passes are enough for the mean to arrive."""
    return [state for _ in range(times) if (state := load.observe(period))]


@pytest.mark.parametrize("period", [0.3, 0.05, 0.95 * STRETCHED_S])
def test_updates_as_often_as_wanted_are_not_worth_a_word(period: float) -> None:
    load = under()
    assert told(load, period) == []
    assert load.level is Level.NORMAL


def test_one_late_update_decides_nothing() -> None:
    assert under(0.9).level is Level.NORMAL


def test_levels_come_one_after_the_other_and_go_the_same_way() -> None:
    load = under()
    levels = [state.level for period in (0.8, 4.0, 0.8, 0.3) for state in told(load, period)]
    rising, falling = [Level.STRETCHED, Level.CAPTIONS_ONLY], [Level.STRETCHED, Level.NORMAL]
    assert [level for level, _ in groupby(levels)] == rising + falling


def test_a_server_that_is_behind_hurries_until_it_has_caught_up() -> None:
    assert under().hop_factor == 1
    load = under(*[0.8] * 40)
    assert not load.hurried
    assert load.hop_factor == 1
    told(load, HURRIED * WANTED_S + 0.1)
    assert load.hurried
    assert load.hop_factor == 4
    told(load, HURRIED * WANTED_S * (RELIEF + 0.05))
    assert load.hurried
    told(load, 0.8)
    assert not load.hurried


def test_a_server_that_stalls_altogether_goes_straight_to_captions() -> None:
    assert told(under(), 20.0)[0].level is Level.CAPTIONS_ONLY


@pytest.mark.parametrize(
    ("level", "period", "begins_s"),
    [(Level.STRETCHED, 0.8, STRETCHED_S), (Level.CAPTIONS_ONLY, 4.0, CAPTIONS_ONLY_S)],
)
def test_a_level_is_kept_until_well_below_where_it_begins(level: Level, period: float, begins_s: float) -> None:
    load = under(*[period] * 40)
    assert load.level is level
    told(load, begins_s * (RELIEF + 0.05))
    assert load.level is level
    told(load, begins_s * (RELIEF - 0.05))
    assert load.level is not level


def test_a_period_that_flickers_round_the_threshold_changes_the_level_once() -> None:
    load = under()
    states = [state for _ in range(100) for period in (0.5, 0.75) if (state := load.observe(period))]
    assert [state.level for state in states] == [Level.STRETCHED]


def test_within_a_level_twice_and_half_as_long_are_told() -> None:
    load = under(*[0.7] * 40)
    longer = told(load, 2.0)
    assert [state.level for state in longer] == [Level.STRETCHED]
    assert longer[0].period_s >= 2 * STRETCHED_S
    shorter = told(load, 0.5)
    assert [state.level for state in shorter] == [Level.STRETCHED]
    assert shorter[0].period_s <= longer[0].period_s / 2


def test_back_to_normal_the_next_rise_is_told_again() -> None:
    load = under(*[2.0] * 40)
    assert [state.level for state in told(load, 0.3)][-1] is Level.NORMAL
    assert told(load, 0.8)[0].level is Level.STRETCHED


@given(st.lists(st.floats(0.0, 30.0), max_size=60))
def test_the_level_is_always_the_one_last_told(periods: list[float]) -> None:
    load, last = under(), Level.NORMAL
    for period in periods:
        if state := load.observe(period):
            assert state.level is not last or state.level is not Level.NORMAL
            last = state.level
        assert load.level is last
