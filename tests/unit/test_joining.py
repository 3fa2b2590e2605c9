import pytest

from izwi.pieces import between, join_texts


@pytest.mark.parametrize(
    ("before", "after", "glue"),
    [
        ("Hi.", "You", " "),
        ("Hi. ", "You", ""),
        ("Hi.", " You", ""),
        ("", "You", ""),
        ("Hi.", "", ""),
        ("你好。", "谢谢", ""),
        ("ありがとう", "ございます", ""),
        ("「はい。」", "「いいえ。」", ""),
        ("カ", "Ｂ", ""),
        ("สวัสดี", "ครับ", ""),
        ("안녕하세요.", "네", " "),
        ("Привет.", "Да", " "),
        ("مرحبا.", "نعم", " "),
    ],
)
def test_spaces_between_texts(before: str, after: str, glue: str) -> None:
    assert between(before, after) == glue


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([], ""),
        (["", "one", "", "two "], "one two "),
        (["one ", "two"], "one two"),
        (["今日は晴れ。", "明日は雨。", "OK"], "今日は晴れ。明日は雨。OK"),
    ],
)
def test_texts_in_a_row(texts: list[str], joined: str) -> None:
    assert join_texts(texts) == joined
