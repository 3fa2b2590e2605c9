"""The arithmetic of the backlog, against a listener who plays what he gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from izwi.backlog import PRIOR_S, Backlog, pace
from izwi.session_settings import SessionSettings

LIMITS = SessionSettings()
PIECES = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 10)), max_size=30)
"""Seconds since the piece before, and its own length."""


def unplayed(pieces: list[tuple[float, float]], now: float) -> float:
    """Speech not played at ``now``, played second by second: pieces are (sent at, seconds)."""
    left, time = 0.0, 0.0
    for at, seconds in [*pieces, (now, 0.0)]:
        left, time = max(0.0, left - (at - time)) + seconds, at
    return left


@given(pieces=PIECES, later=st.floats(0, 50))
def test_what_was_sent_drains_as_a_listener_plays_it(pieces: list[tuple[float, float]], later: float) -> None:
    backlog, now, sent = Backlog(), 0.0, list[tuple[float, float]]()
    for gap, seconds in pieces:
        now += gap
        backlog.sent(now, seconds)
        sent.append((now, seconds))
    assert backlog.at(now + later, 0) == pytest.approx(unplayed(sent, now + later), abs=1e-6)


@given(pieces=PIECES, wait=st.floats(0, 50), chars=st.integers(0, 500))
def test_it_never_is_negative_and_falls_by_a_second_per_second_at_most(
    pieces: list[tuple[float, float]], wait: float, chars: int
) -> None:
    backlog, now = Backlog(), 0.0
    for gap, seconds in pieces:
        now += gap
        backlog.sent(now, seconds)
    before, after = backlog.at(now, chars), backlog.at(now + wait, chars)
    assert max(backlog.estimate(chars), before - wait) - 1e-6 <= after <= before


@given(pieces=st.lists(st.floats(0.1, 10), min_size=1, max_size=30))
def test_speech_no_longer_than_its_source_never_adds_up_to_more_than_a_clause(pieces: list[float]) -> None:
    backlog, now = Backlog(), 0.0
    for seconds in pieces:
        now += seconds
        backlog.sent(now, seconds)
        assert backlog.at(now, 0) <= max(pieces) + 1e-9


@given(before=st.floats(0, 100), later=st.floats(0, 100))
def test_when_nobody_listens_along_what_was_sent_counts_for_nothing(before: float, later: float) -> None:
    backlog = Backlog()
    backlog.sent(before, 1000.0)
    backlog.forget(before + later)
    assert backlog.at(before + later, 0) == 0
    backlog.sent(before + later + 1, 3.0)
    assert backlog.at(before + later + 2, 0) == pytest.approx(2.0)


def test_a_text_under_way_counts_until_it_is_sent() -> None:
    backlog = Backlog()
    backlog.begin(100, 1.25)
    assert backlog.at(0, 0) == pytest.approx(100 * PRIOR_S / 1.25)
    backlog.sent(0, 2.0)
    assert backlog.at(0, 0) == pytest.approx(100 * PRIOR_S / 1.25)
    backlog.sent(0, 7.0)
    assert backlog.at(0, 0) == pytest.approx(9.0)
    backlog.finish(whole=True)
    assert backlog.at(0, 0) == pytest.approx(9.0)


@given(rate=st.floats(0.02, 0.5), chars=st.lists(st.integers(20, 120), min_size=12, max_size=20))
def test_the_rate_is_learned_at_whatever_speed_it_is_said(rate: float, chars: list[int]) -> None:
    backlog = Backlog()
    for index, count in enumerate(chars):
        speed = (1.0, 1.25)[index % 2]
        backlog.begin(count, speed)
        backlog.sent(0, count * rate / speed)
        backlog.finish(whole=True)
    assert backlog.estimate(100) == pytest.approx(100 * rate, rel=0.3 if rate > PRIOR_S else 0.4)


def test_the_prior_follows_the_speed_asked_for_and_one_chinese_clause_outweighs_it() -> None:
    assert Backlog(2.0).estimate(100) == pytest.approx(50 * PRIOR_S)
    backlog = Backlog()
    backlog.begin(20, 1.0)
    backlog.sent(0, 7.0)
    backlog.finish(whole=True)
    assert backlog.estimate(20) > 3.5


def test_another_voice_is_learned_within_ten_clauses_and_a_failure_teaches_nothing() -> None:
    backlog = Backlog()
    for rate, clauses in ((0.05, 100), (0.1, 10)):
        for _ in range(clauses):
            backlog.begin(60, 1.0)
            backlog.sent(0, 60 * rate)
            backlog.finish(whole=True)
    learned = backlog.estimate(100)
    assert learned > 8
    backlog.begin(100, 1.0)
    backlog.sent(0, 0.1)
    backlog.finish(whole=False)
    assert backlog.estimate(100) == learned


@pytest.mark.parametrize(("behind", "speed"), [(0, 1), (2, 1), (3, 1.06), (4, 1.12), (6, 1.25), (60, 1.25)])
def test_the_ladder_of_speeds(behind: float, speed: float) -> None:
    assert pace(behind, LIMITS).speed == pytest.approx(speed, abs=0.006)


@given(one=st.floats(0, 100), other=st.floats(0, 100))
def test_further_behind_is_never_slower(one: float, other: float) -> None:
    slow, fast = pace(min(one, other), LIMITS).speed, pace(max(one, other), LIMITS).speed
    assert 1 <= slow <= fast <= LIMITS.speech_hurry_speed


@pytest.mark.parametrize("steps", [(6, 6, 15), (2, 20, 15), (8, 6, 15)])
def test_steps_that_do_not_rise_are_refused(steps: tuple[float, float, float]) -> None:
    hurry, merge, skip = steps
    with pytest.raises(ValidationError, match="must rise"):
        SessionSettings(speech_hurry_s=hurry, speech_merge_s=merge, speech_skip_s=skip)
