import pytest

from loadtests.der import Span, errors

TWO = [Span("ann", 0, 6), Span("bob", 6, 10)]


def test_other_names_for_the_same_speakers_are_no_error() -> None:
    assert errors(TWO, [Span("1", 0, 6), Span("0", 6, 10)]).rate == 0


def test_everything_given_to_one_confuses_the_other() -> None:
    found = errors(TWO, [Span("0", 0, 10)])
    assert (found.speech_s, found.confused_s, found.missed_s, found.false_alarm_s) == (10, 4, 0, 0)
    assert found.rate == pytest.approx(0.4)


def test_one_speaker_split_in_two_keeps_the_larger_part() -> None:
    assert errors([Span("ann", 0, 10)], [Span("0", 0, 7), Span("1", 7, 10)]).confused_s == pytest.approx(3)


def test_missed_and_false_speech() -> None:
    found = errors(TWO, [Span("0", 1, 6), Span("1", 6, 9), Span("1", 12, 13)])
    assert (found.missed_s, found.false_alarm_s, found.confused_s) == pytest.approx((2, 1, 0))
    assert found.rate == pytest.approx(0.3)


def test_two_at_once_count_twice() -> None:
    overlap = [Span("ann", 0, 4), Span("bob", 2, 4)]
    found = errors(overlap, [Span("0", 0, 4)])
    assert (found.speech_s, found.missed_s, found.confused_s) == (6, 2, 0)


def test_the_best_of_all_assignments_counts() -> None:
    reference = [Span("a", 0, 5), Span("b", 5, 9), Span("c", 9, 12)]
    found = [Span("x", 0, 3), Span("y", 3, 8), Span("z", 8, 12)]
    assert errors(reference, found).confused_s == pytest.approx(12 - 9)


def test_nothing_found_misses_everything() -> None:
    assert errors(TWO, []).rate == 1


def test_more_speakers_found_than_there_are() -> None:
    found = [Span(str(number), number, number + 1) for number in range(5)]
    assert errors([Span("ann", 0, 5)], found).confused_s == pytest.approx(4)


def test_within_the_collar_nothing_counts() -> None:
    found = errors(TWO, [Span("0", 0.2, 6.2), Span("1", 6.2, 10.2)], collar_s=0.25)
    assert (found.speech_s, found.rate) == (pytest.approx(9), 0)
    assert errors(TWO, [Span("0", 0, 6.5), Span("1", 6.5, 10)], collar_s=0.25).confused_s == pytest.approx(0.25)
