import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi.pieces import MIN_SENTENCE_CHARS, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n ", []),
        ("One sentence only", ["One sentence only"]),
        (
            "The house on the hill is big. The dog in the garden is small.",
            ["The house on the hill is big.", "The dog in the garden is small."],
        ),
        ("Yes! No. The house on the hill is big.", ["Yes! No. The house on the hill is big."]),
        (
            "I went to see Dr. Smith at 3.15 p.m. He was not at home, so I left.",
            ["I went to see Dr. Smith at 3.15 p.m.", "He was not at home, so I left."],
        ),
        (
            "“Where have you been all day?” she asked him. “Nowhere.”",
            ["“Where have you been all day?”", "she asked him. “Nowhere.”"],
        ),
        (
            "A heading without a full stop\nThe first paragraph begins here.",
            ["A heading without a full stop", "The first paragraph begins here."],
        ),
        (
            "今日はとてもいい天気ですね、散歩に行きましょう。明日は雨が降るそうですから、家で本を読みます。",
            ["今日はとてもいい天気ですね、散歩に行きましょう。", "明日は雨が降るそうですから、家で本を読みます。"],
        ),
        ("आज मौसम बहुत अच्छा है और हम बाहर हैं। कल बारिश होगी।", ["आज मौसम बहुत अच्छा है और हम बाहर हैं।", "कल बारिश होगी।"]),
        ("هل أنت بخير اليوم يا صديقي؟ نعم أنا بخير.", ["هل أنت بخير اليوم يا صديقي؟", "نعم أنا بخير."]),
    ],
)
def test_examples(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(max_size=400) | st.text("ab .!?\n。”1", max_size=400))
def test_nothing_is_lost_and_only_the_last_is_short(text: str) -> None:
    found = sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in found)
    assert all(len(sentence) >= MIN_SENTENCE_CHARS for sentence in found[:-1])
