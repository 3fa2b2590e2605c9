import pytest

from izwi.clauses import ClauseSplitter
from izwi.stages import Word


def split(text: str, max_words: int = 14) -> list[str]:
    splitter = ClauseSplitter(max_words)
    words = [Word(f" {part}", i, i + 1, 1.0) for i, part in enumerate(text.split())]
    return [clause.text for clause in splitter.push(words) + splitter.flush()]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("It rains. We stay.", ["It rains.", "We stay."]),
        ("Well, I do not know, he said", ["Well, I do not know,", "he said"]),
        ("Mr. John Dashwood had leisure.", ["Mr. John Dashwood had leisure."]),
        ("J. S. Bach wrote it.", ["J. S. Bach wrote it."]),
        ('He said "stop." Then he left', ['He said "stop."', "Then he left"]),
        ("¿Qué hora es? No lo sé.", ["¿Qué hora es?", "No lo sé."]),
        ("今日は晴れです。 明日は雨です。", ["今日は晴れです。", "明日は雨です。"]),
        ("...", []),
        ("", []),
    ],
)
def test_where_clauses_end(text: str, clauses: list[str]) -> None:
    assert split(text) == clauses


def test_a_speaker_without_punctuation_is_cut_by_length() -> None:
    assert split("a b c d e f g", max_words=3) == ["a b c", "d e f", "g"]


def test_a_clause_carries_the_times_of_its_words() -> None:
    splitter = ClauseSplitter(14)
    clause = splitter.push([Word(" It", 1.0, 1.2, 1.0), Word(" rains.", 1.2, 1.9, 1.0)])[0]
    assert (clause.start_s, clause.end_s) == (1.0, 1.9)


def test_words_come_out_once_and_in_order() -> None:
    text = "one, two three four, five. six seven eight nine ten"
    assert " ".join(split(text, max_words=4)) == text
