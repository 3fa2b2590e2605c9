from typing import Any

from loadtests.first_audio import SENTENCES, missed, table


def row(language: str, p50: float) -> dict[str, Any]:
    return {
        "language": language,
        "format": "pcm",
        "requests": 2,
        "first_s": {"p50": p50, "p95": 2 * p50},
        "last_s": {"p50": 3 * p50, "p95": 4 * p50},
    }


SUMMARY = {"rows": [row("en", 0.12), row("es", 0.5)]}


def test_the_table_is_in_milliseconds() -> None:
    assert table(SUMMARY).splitlines()[2:] == [
        "| en | pcm | 120 | 240 | 360 | 480 |",
        "| es | pcm | 500 | 1000 | 1500 | 2000 |",
    ]


def test_the_limit_is_for_english() -> None:
    assert missed(SUMMARY, None) == missed(SUMMARY, 0.15) == []
    assert missed(SUMMARY, 0.1) == ["pcm: the first byte took 0.120 s, more than 0.1"]
    assert all(len(set(sentences)) == len(sentences) for sentences in SENTENCES.values())
