from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi.agreement import Agreement, normalise, retold
from izwi.stages import Word


def words(text: str | Sequence[str], start: float = 0.0, confidence: float = 0.9) -> list[Word]:
    """One word every 0.5 s; a string is split on spaces."""
    parts = [f" {part}" for part in text.split()] if isinstance(text, str) else list(text)
    return [Word(part, start + i * 0.5, start + i * 0.5 + 0.5, confidence) for i, part in enumerate(parts)]


def texts(items: Sequence[Word]) -> str:
    return "".join(item.text for item in items).strip()


def agreement(window: int = 2, threshold: float = 0.7, confidence: float = 0.7) -> Agreement:
    return Agreement(window, threshold, confidence)


def test_a_word_is_committed_when_two_hypotheses_share_it_and_its_prefix() -> None:
    a = agreement()
    assert a.update(words("the house is"), 0.0) == []
    assert texts(a.update(words("the house was big"), 0.0)) == "the house"
    assert texts(a.tentative) == "was big"


def test_the_last_word_of_a_partial_waits_even_if_both_hypotheses_have_it() -> None:
    a = agreement()
    a.update(words("the house"), 0.0)
    assert texts(a.update(words("the house"), 0.0)) == "the"


def test_case_and_punctuation_do_not_disagree() -> None:
    a = agreement()
    a.update(words("The house, is big"), 0.0)
    assert texts(a.update(words("the house is big today"), 0.0)) == "the house is big"


def test_a_doubtful_word_needs_one_more_hypothesis_and_holds_back_what_follows() -> None:
    a = agreement()
    heard = [*words("so", confidence=0.9), *words("zyzzyx is far", start=0.5, confidence=0.3)]
    committed = [texts(a.update(heard, 0.0)) for _ in range(4)]
    assert committed == ["", "so", "zyzzyx is", ""]


def test_what_is_committed_ends_only_where_it_may() -> None:
    a = agreement()
    heard = words("he saw Sundar Pichai today there")
    ends = [True, True, False, False, True, False]
    a.update(heard, 0.0, may_end=ends)
    assert texts(a.update(heard[:4], 0.0, may_end=ends[:4])) == "he saw"
    rest = heard[2:]
    assert texts(a.update(rest, 1.0, may_end=ends[2:])) == ""
    assert texts(a.update(rest, 1.0, may_end=ends[2:])) == "Sundar Pichai today"


def test_a_final_pass_and_force_end_anywhere() -> None:
    heard = words("he saw Sundar")
    assert texts(agreement().update(heard, 0.0, may_end=[False] * 3, force_before_s=1.1)) == "he saw"
    assert texts(agreement().update(heard, 0.0, may_end=[False] * 3, final=True)) == "he saw Sundar"


def test_a_final_pass_commits_everything() -> None:
    a = agreement()
    a.update(words("one two"), 0.0)
    assert texts(a.update(words("one two three"), 0.0, final=True)) == "one two three"
    assert a.tentative == []


def test_committed_words_are_not_repeated_by_later_hypotheses() -> None:
    a = agreement()
    a.update(words("a b c d"), 0.0)
    a.update(words("a b c d"), 0.0)
    assert texts(a.update(words("a b c d e f"), 0.0, final=True)) == "d e f"


def test_a_changed_spelling_of_committed_words_neither_drops_nor_repeats() -> None:
    a = agreement()
    a.update(words("from woodblocks engraved in"), 0.0)
    a.update(words("from woodblocks engraved in"), 0.0)
    assert texts(a.committed) == "from woodblocks engraved"
    later = [
        Word(" from", 0.0, 0.5, 0.9),
        Word(" wood", 0.5, 0.8, 0.9),
        Word(" blocks", 0.8, 1.0, 0.9),
        Word(" engraved", 1.0, 1.5, 0.9),
        Word(" in", 1.5, 2.0, 0.9),
        Word(" relief", 2.0, 2.5, 0.9),
    ]
    assert texts(a.update(later, 0.0, final=True)) == "in relief"


def test_after_a_trim_only_the_words_inside_the_window_are_expected() -> None:
    a = agreement()
    a.update(words("a b c d e f"), 0.0)
    a.update(words("a b c d e f"), 0.0)
    assert texts(a.update(words("d e f g", start=1.5), 1.5, final=True)) == "f g"


def test_force_commits_what_lies_before_a_time() -> None:
    a = agreement()
    assert texts(a.update(words("a b c d"), 0.0, force_before_s=1.2)) == "a b"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["今", "日", "は", "い"], ["今", "日", "は", "晴", "れ"], "今日は"),
        (["مرحبا", " بالعالم", " كيف"], ["مرحبا", " بالعالم", " كيف", " حالك"], "مرحبا بالعالم كيف"),
    ],
)
def test_scripts_without_spaces_or_from_right_to_left(first: list[str], second: list[str], expected: str) -> None:
    a = agreement()
    a.update(words(first), 0.0)
    assert texts(a.update(words(second), 0.0)) == expected


def test_retold_uses_time_where_a_word_is_said_twice() -> None:
    committed = words("no no")
    assert retold(committed, words("no no no no")) == 2


def test_nothing_heard_re_tells_nothing() -> None:
    assert retold(words("a b"), []) == 0


def test_normalise_keeps_pure_punctuation() -> None:
    assert normalise(" —") == "—"
    assert normalise(" Don't!") == "dont"


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=8), min_size=1, max_size=8))
def test_committed_text_only_grows(hypotheses: list[list[str]]) -> None:
    a = agreement()
    before: list[Word] = []
    for index, parts in enumerate(hypotheses):
        fresh = a.update(words([f" {part}" for part in parts]), 0.0, final=index == len(hypotheses) - 1)
        assert a.committed == before + fresh
        before = list(a.committed)


def test_a_hypothesis_without_the_committed_words_loses_none_of_its_own() -> None:
    committed = words("the red car", start=10.0)
    assert retold(committed, words("stopped suddenly", start=11.6)) == 0


@pytest.mark.parametrize(("committed", "tentative"), [("I am here", "today again"), ("no", "no way")])
def test_settling_for_the_last_hypothesis_keeps_all_of_it(committed: str, tentative: str) -> None:
    a = agreement()
    a.committed = words(committed)
    a.tentative = words(tentative, start=5.0)
    assert texts(a.commit_tentative()) == tentative
    assert texts(a.committed) == f"{committed} {tentative}"


def test_a_confident_word_with_enough_audio_behind_it_needs_no_second_hypothesis() -> None:
    a = agreement()
    assert texts(a.update(words("the house is big"), 0.0, trust_before_s=1.6)) == "the house is"


def test_a_doubtful_word_waits_longer_and_holds_back_what_follows() -> None:
    a = agreement()
    heard = [*words("so"), *words("zyzzyx", start=0.5, confidence=0.3), *words("is far", start=1.0)]
    assert texts(a.update(heard, 0.0, trust_before_s=9.0, settle_before_s=0.9)) == "so"
    assert texts(a.update(heard, 0.0, trust_before_s=9.0, settle_before_s=1.1)) == "zyzzyx is far"


def test_without_votes_only_the_end_settles_words() -> None:
    a = agreement()
    for _ in range(3):
        assert a.update(words("one two three"), 0.0, vote=False, trust_before_s=9.0) == []
    assert texts(a.update(words("one two three"), 0.0, vote=False, final=True)) == "one two three"
