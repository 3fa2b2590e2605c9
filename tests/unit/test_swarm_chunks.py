"""How long a chunk of audio takes, with what policy makes it wait left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.swarm.chunks import FRAME_S, Processing

HOP_S = 0.1


def processing(chunks: int, onset_s: float | None = 0.0) -> Processing:
    """Chunks of 100 ms from 0 s on, all of them speech; session time and the clock are the same."""
    found = Processing(HOP_S, 0.1, due=lambda time_s: time_s)
    if onset_s is not None:
        found.onset(onset_s)
    for number in range(chunks):
        found.sent(round(0.1 * (number + 1), 3))
    return found


def test_waiting_for_an_update_is_policy_and_the_pass_is_not() -> None:
    found = processing(4)
    assert found.heard(0.4, 0.3, at=0.55) == pytest.approx([0.15] * 4)


def test_a_chunk_that_comes_after_the_update_was_due_counts_from_its_own_time() -> None:
    found = processing(6)
    assert found.heard(0.6, 0.3, at=0.9) == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.4, 0.3])


def test_a_pass_that_was_due_long_before_it_was_made_counts() -> None:
    found = processing(20)
    found.heard(0.4, 0.3, at=0.5)
    late = found.heard(2.0, 0.7, at=2.3)
    assert max(late) == pytest.approx(1.5)
    assert min(late) == pytest.approx(0.3)


def test_the_silence_that_ends_an_utterance_is_policy_and_the_pass_after_it_is_not() -> None:
    found = processing(10)
    assert found.finished(1.0, 1.4, at=1.7) == pytest.approx([0.3] * 10)


def test_a_pass_in_a_pause_takes_no_less_than_its_own_time() -> None:
    found = processing(10)
    assert found.heard(1.2, 1.15, at=1.5) == pytest.approx([0.3] * 10), "no audio after 1.2 s was waited for"


def test_a_chunk_counts_once_and_only_when_it_was_heard() -> None:
    found = processing(5)
    assert len(found.heard(0.3, 0.3, at=1.0)) == 3
    assert found.heard(0.3, 0.3, at=1.1) == []
    assert len(found.heard(0.5 - FRAME_S, 0.4, at=1.2)) == 2, (
        "what fills no frame of the detector is heard with the next"
    )


def test_the_pass_at_the_end_hears_what_reaches_beyond_the_end() -> None:
    found = processing(5)
    assert len(found.finished(0.43, 0.8, at=0.9)) == 5


def test_a_pause_before_an_utterance_is_not_waiting() -> None:
    found = processing(0, onset_s=None)
    found.onset(10.0)
    for number in range(4):
        found.sent(10.1 + 0.1 * number)
    assert found.heard(10.4, 10.3, at=10.6) == pytest.approx([0.2] * 4)


def test_chunks_that_were_never_heard_are_counted_and_do_not_spoil_the_rest() -> None:
    found = processing(3, onset_s=None)
    found.onset(5.0)
    assert found.missed == 3
    found.sent(5.1)
    found.close()
    assert found.missed == 4
    assert found.heard(9.0, 9.0, at=9.5) == []


@given(
    passes=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 2)), max_size=30),
    hop_s=st.floats(0, 1),
)
def test_no_chunk_takes_less_than_nothing_or_longer_than_it_is_there(
    passes: list[tuple[float, float, float]], hop_s: float
) -> None:
    found = Processing(hop_s, 0.1, due=lambda time_s: time_s)
    sent, now = 0, 0.0
    for gap, before, taken in passes:
        now += gap
        while (sent + 1) * 0.1 <= now:
            sent += 1
            found.sent(sent * 0.1)
        arrival = now + taken
        for value in found.heard(now, max(0.0, now - before), arrival):
            assert taken - FRAME_S <= value <= arrival
        now = arrival
