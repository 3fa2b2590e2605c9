import pytest

from loadtests.delays import Erasure, Passage, Shown, Spoken, delays, normalised

SPOKEN = [Spoken("the", 1.0), Spoken("house", 1.5), Spoken("burns", 2.0)]
ONE = [Passage(SPOKEN, onset=0.8, end=2.1)]


def test_a_word_is_shown_when_it_first_stands_at_its_place_and_settled_later() -> None:
    views = [Shown(2.0, 0, ["the", "mouse"]), Shown(2.5, 1, ["house"]), Shown(3.0, 3, [])]
    found = delays(ONE, ["the", "house", "burns"], views)
    assert found.shown == pytest.approx([1.0, 1.0, 1.0])
    assert found.committed == pytest.approx([1.5, 1.5, 1.0])


def test_words_the_server_got_wrong_are_not_timed() -> None:
    views = [Shown(3.0, 2, [])]
    assert delays(ONE, ["the", "horse"], views).committed == pytest.approx([2.0])


def test_a_word_may_stand_two_places_off_while_the_ones_before_it_still_change() -> None:
    views = [Shown(2.0, 0, ["so", "the", "house"]), Shown(3.0, 3, [])]
    assert delays(ONE, ["the", "house", "burns"], views).shown[:2] == pytest.approx([1.0, 0.5])


def test_nothing_settled_gives_no_delays() -> None:
    found = delays(ONE, [], [])
    assert found.shown == found.committed == found.first == found.final == []


def test_a_passage_begins_with_any_text_and_ends_with_its_last_word() -> None:
    passages = [*ONE, Passage([Spoken("run", 5.0), Spoken("now", 5.5)], onset=4.5, end=5.6)]
    views = [
        Shown(0.5, 0, ["noise"]),  # before anybody spoke
        Shown(1.2, 0, ["a"]),
        Shown(3.0, 3, []),
        Shown(4.6, 3, []),
        Shown(5.1, 3, ["gun"]),
        Shown(6.0, 5, []),
    ]
    found = delays(passages, ["the", "house", "burns", "run", "now"], views)
    assert found.first == pytest.approx([0.4, 0.6])
    assert found.final == pytest.approx([0.9, 0.4])


def test_a_passage_whose_last_word_is_missing_has_no_end() -> None:
    found = delays(ONE, ["the", "house"], [Shown(3.0, 2, [])])
    assert found.final == []
    assert found.first == pytest.approx([2.2])


def test_erasure_counts_words_taken_back() -> None:
    one = Erasure()
    for text in (["a"], ["a", "b"], ["a", "c", "d"], ["a"]):
        one.show("0", text)
    one.close("0", ["a", "c", "d"])
    assert (one.erased, one.final) == (3, 3)
    other = Erasure()
    other.show("0", ["a"])
    other.close("0", ["a", "b"])
    other.close("1", ["c"])
    assert (other.erased, other.final) == (0, 3)
    assert normalised([one, other]) == pytest.approx(0.5)
    assert normalised([]) is None
