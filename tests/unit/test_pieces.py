import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi.pieces import MIN_PIECE_CHARS, split_for_speech

# Scripts that write spaces; the others have their own tests.
SPACED = st.text(st.characters(max_codepoint=0x05FF, exclude_categories=["Cs"]), max_size=300)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("   \n ", []),
        ("Buenos días.", ["Buenos días."]),
        (
            "aunque los chinos tomaron impresiones de bloques de madera grabados en relieve",
            ["aunque los chinos tomaron", "impresiones de bloques de madera grabados en relieve"],
        ),
        ("Sí, claro que sí, pero hoy no puedo ir contigo.", ["Sí, claro que sí,", "pero hoy no puedo ir contigo."]),
        ("one two three four five six so", ["one two three four five six so"]),
        ("今日はとてもいい天気ですね、散歩に行きましょう。", ["今日はとてもいい天気ですね、散歩に行きましょう。"]),
    ],
)
def test_examples(text: str, pieces: list[str]) -> None:
    assert split_for_speech(text, 28, 45) == pieces


def test_scripts_without_spaces_are_cut_between_characters() -> None:
    text = "今日はとてもいい天気ですね、散歩に行きましょう。"
    pieces = split_for_speech(text, 15, 15)
    assert pieces == ["今日はとてもいい天気ですね、", "散歩に行きましょう。"]


def test_a_vowel_sign_stays_with_its_consonant() -> None:
    pieces = split_for_speech("สวัสดีครับวันนี้อากาศดีมาก", 8, 8)
    assert "".join(pieces) == "สวัสดีครับวันนี้อากาศดีมาก"
    assert not any(piece[0] in "\u0e31\u0e34\u0e35\u0e49" for piece in pieces)


@given(SPACED, st.integers(8, 60), st.integers(16, 120))
def test_spaces_give_the_text_back(text: str, first: int, rest: int) -> None:
    pieces = split_for_speech(text, first, rest)
    assert " ".join(pieces) == " ".join(text.split())
    assert all(pieces)


@given(SPACED, st.integers(8, 60), st.integers(16, 120))
def test_pieces_keep_to_their_length(text: str, first: int, rest: int) -> None:
    pieces = split_for_speech(text, first, rest)
    for piece, target in zip(pieces, [first, *[rest] * len(pieces)], strict=False):
        assert len(piece) <= target + 1 + MIN_PIECE_CHARS or _longest_word(piece) > target // 2
    if len(pieces) > 1:
        assert len(pieces[-1]) >= MIN_PIECE_CHARS


@given(st.text(max_size=200), st.integers(8, 40), st.integers(16, 80))
def test_nothing_is_lost_in_any_script(text: str, first: int, rest: int) -> None:
    assert "".join("".join(split_for_speech(text, first, rest)).split()) == "".join(text.split())


def _longest_word(piece: str) -> int:
    return max(map(len, piece.split()))
