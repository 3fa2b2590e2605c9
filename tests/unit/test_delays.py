import pytest

from loadtests.delays import Shown, Spoken, delays, erasure, words

SPOKEN = [Spoken("the", 1.0), Spoken("house", 1.5), Spoken("burns", 2.0)]


def test_a_word_is_shown_when_it_first_stands_at_its_place_and_settled_later() -> None:
    views = [Shown(2.0, 0, ["the", "mouse"]), Shown(2.5, 1, ["house"]), Shown(3.0, 3, [])]
    found = delays(SPOKEN, ["the", "house", "burns"], views)
    assert found.shown == pytest.approx([1.0, 1.0, 1.0])
    assert found.committed == pytest.approx([1.5, 1.5, 1.0])


def test_words_the_server_got_wrong_are_not_timed() -> None:
    views = [Shown(3.0, 2, [])]
    assert delays(SPOKEN, ["the", "horse"], views).committed == pytest.approx([2.0])


def test_a_word_may_stand_two_places_off_while_the_ones_before_it_still_change() -> None:
    views = [Shown(2.0, 0, ["so", "the", "house"]), Shown(3.0, 3, [])]
    assert delays(SPOKEN, ["the", "house", "burns"], views).shown[:2] == pytest.approx([1.0, 0.5])


def test_nothing_settled_gives_no_delays() -> None:
    assert delays(SPOKEN, [], []).shown == []


def test_erasure_counts_words_taken_back() -> None:
    assert erasure([["a"], ["a", "b"], ["a", "c", "d"]], 3) == pytest.approx(1 / 3)
    assert erasure([["a"], ["a", "b"]], 2) == 0.0
    assert erasure([], 0) == 0.0


def test_words_have_no_case_and_no_punctuation() -> None:
    assert words("The house, — burns!") == ["the", "house", "burns"]
