"""Delays over time, on literal courses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.adapters.conversation import Committed, Final, Load, SpeechChunk, Translated
from loadtests.delays import Passage, Shown, Spoken, delays
from loadtests.speaker import Heard
from loadtests.timeline import Listener, Timed, committed, course, recovery, usual


def test_words_keep_when_they_were_spoken() -> None:
    one = Heard(started_at=100.0)
    one.note(Committed(102.0, "0", "one two"))
    one.note(Committed(105.0, "0", " tree four"))
    passage = Passage([Spoken(word, 101.0 + i) for i, word in enumerate(["one", "two", "three", "four"])], 100.5, 104.0)
    assert committed([passage], one) == [Timed(101.0, 1.0), Timed(102.0, 0.0), Timed(104.0, 1.0)]


@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("abc")), st.data())
def test_delays_are_those_of_the_other_reports(said: list[str], settled: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(settled)), max_size=5)))
    views = [Shown(10.0 + number, count, []) for number, count in enumerate(cuts)]
    passage = Passage([Spoken(word, float(number)) for number, word in enumerate(said)], 0.0, float(len(said)))
    one = Heard(views=views)
    one._utterances = {"0": ("", settled)}
    expected = delays([passage], settled, views).committed
    assert [word.delay_s for word in committed([passage], one)] == pytest.approx(expected)


def test_a_listener_keeps_finals_load_and_all_of_the_speech() -> None:
    one = Listener(started_at=10.0)
    for seen in (
        Final(13.0, "0", "Hello.", 2.0),
        Final(13.0, "1", "", 2.5),
        Translated(13.5, 0, "Hola.", 2.0),
        SpeechChunk(14.0, 0, 100),
        SpeechChunk(16.0, 0, 100),
        SpeechChunk(16.0, 7, 100),
        Load(17.0, "stretched", 900),
    ):
        one.note(seen)
    assert one.finals == [Timed(12.0, 1.0)]
    assert one.first_speech == [Timed(12.0, 2.0)]
    assert one.all_speech == [Timed(12.0, 4.0)]
    assert [at for at, _ in one.told] == [17.0]
    assert one.final_lags == [1.0]  # what every speaker notes is noted as well
    assert one.first_audio == [2.0]


def steps(*stretches: tuple[float, float, float]) -> list[Timed]:
    """A word a second from, to, with that delay."""
    return [Timed(float(at), delay) for first, end, delay in stretches for at in range(int(first), int(end))]


def test_a_course_compares_its_edges_and_leaves_out_what_is_outside() -> None:
    words = [Timed(float(at), 1.0 + (at - 100) / 60) for at in range(100, 280)]
    found = course([*steps((0, 100, 9.0)), *words, *steps((280, 300, 9.0))], 100.0, 280.0)
    assert found.count == 180
    assert found.first_minute == pytest.approx(1.49, abs=0.01)
    assert found.last_minute == pytest.approx(3.49, abs=0.01)
    assert found.per_minute is not None
    assert found.per_minute.slope == pytest.approx(1.0, abs=0.01)
    assert len(found.by_bins) == 12
    assert course([], 0.0, 60.0).per_minute is None


def test_what_is_usual_is_known_before_the_crowd() -> None:
    assert usual(steps((0, 20, 0.8), (20, 40, 5.0)), before=20.5) == pytest.approx(0.8)
    assert usual([], 10.0) is None


def test_recovery_counts_from_the_end_of_the_crowd() -> None:
    words = steps((0, 60, 8.0), (60, 63, 4.0), (63, 120, 1.0))
    # The first five in a row of which three are quick were spoken from 61 to 65; the last of them came at 66.
    assert recovery(words, stopped=60.0, limit_s=2.0) == pytest.approx(6.0)
    assert recovery(steps((0, 120, 1.0)), 60.0, 2.0) == 0.0
    assert recovery(steps((0, 120, 8.0)), 60.0, 2.0) is None
    assert recovery(steps((0, 60, 1.0)), 60.0, 2.0) is None


@given(st.lists(st.floats(0, 10), min_size=5, max_size=60), st.floats(0.5, 5))
def test_after_the_recovery_nothing_is_late(late: list[float], limit: float) -> None:
    words = [Timed(float(at), delay) for at, delay in enumerate(late)]
    found = recovery(words, 0.0, limit)
    assert found is None or 0.0 <= found <= len(late) + 10
    if max(late) <= limit:
        assert found == 0.0
    if min(late) > limit:
        assert found is None
