"""The limits of the short bench, on made-up runs."""

from typing import Any

import pytest

from loadtests.limits import failures
from loadtests.windows import Passes

FAST = Passes(elastic_s=0.12, padded_s=0.6)


def run(speakers: int, p95: float | None = 1.2, **changes: Any) -> dict[str, Any]:
    return {
        "speakers": speakers,
        "refused": 0,
        "word_committed_s": {"p50": 0.7, "p95": p95, "p99": 3.0},
        "words_timed": 200,
        "words_said": 210,
        "wer": 4.0,
        "offline_wer": 3.0,
        "erasure": 0.3,
        "dropped_chunks": 0,
        "errors": {},
        "error_messages": [],
        "void": False,
        **changes,
    }


def test_a_sound_run_fails_nothing() -> None:
    assert failures([run(1), run(4, 2.0)], FAST) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"errors": {"engine_failed": 2}, "error_messages": ["engine_failed: no"]}, "engine_failed: no"),
        ({"dropped_chunks": 3}, "3 chunks could not be sent"),
        ({"refused": 4}, "nobody was let in"),
        ({"wer": 13.1}, "streamed WER 13.1 % is more than 10 points above the 3.0 %"),
        ({"erasure": 1.2}, "1.2 words were taken back"),
        ({"words_timed": 0}, "nothing was recognised"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], sentence: str) -> None:
    (told,) = failures([run(1), run(4, **changes)], FAST)
    assert told.startswith("with 4 speakers")
    assert sentence in told


def test_a_regress_under_load_is_a_ratio() -> None:
    assert failures([run(1, 1.5), run(4, 8.9)], FAST) == []
    (told,) = failures([run(1, 1.5), run(4, 9.1)], FAST)
    assert "more than 6 times as long" in told
    assert failures([run(1, 0.4), run(4, 5.9)], FAST) == [], "a very quick single speaker counts as 1 s"


def test_windows_are_judged_by_their_ratio() -> None:
    (told,) = failures([run(1), run(4)], Passes(0.5, 0.6))
    assert "0.83" in told


def test_a_busy_machine_says_nothing_about_the_code() -> None:
    bad = run(4, 90.0, void=True, wer=50.0, errors={"no_end": 1})
    assert failures([run(1), bad], FAST) == []
    assert len(failures([run(1), bad], Passes(0.5, 0.6))) == 1, "the two windows took turns: that still counts"


def test_few_words_have_no_error_rate() -> None:
    assert failures([run(1, wer=15.0, words_said=50), run(4)], FAST) == []


def test_some_may_be_refused() -> None:
    assert failures([run(1), run(4, refused=2)], FAST) == []
    (told,) = failures([run(1, refused=1, wer=None, offline_wer=None, erasure=None), run(4)], FAST)
    assert told == "with 1 speaker: nobody was let in"
