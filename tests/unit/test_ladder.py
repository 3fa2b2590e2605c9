from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deployments.asr.guard import Decoded
from deployments.asr.ladder import BUCKET, FULL_S, Job, Rung, Split, believed, buckets
from izwi.stages import AsrRequest


def job(seconds: float, *totals_s: float, final: bool = False, tries: int = 0, temperature: float = 0.0) -> Job:
    samples = np.zeros(round(seconds * 16_000), np.float32)
    return Job(AsrRequest(samples, "en", final), tuple(Rung(total_s, temperature) for total_s in totals_s), tries)


def decoded(text: str, **changes: Any) -> Decoded:
    """One token a word, equal words being equal tokens."""
    tokens = tuple(1 + sorted(set(text.split())).index(word) for word in text.split())
    return replace(Decoded(tokens, text, avg_logprob=-0.2, no_speech_prob=0.0), **changes)


def split(text: str) -> Split:
    return lambda tokens: (text.split()[: len(tokens)], [[token] for token in tokens])


def heard(text: str, *, final: bool, tries: int = 0, **changes: Any) -> int | None:
    """Tokens that are believed, None where another try is due."""
    tokens = believed(job(1, 3.5, 30, final=final, tries=tries), decoded(text, **changes), split(text))
    return None if tokens is None else len(tokens)


SPEECH = "that is an example of fine typography"
TWICE = f"{SPEECH} {SPEECH}"


@pytest.mark.parametrize(
    ("text", "changes", "partial", "final"),
    [
        (SPEECH, {}, 7, 7),
        ("...", {}, 0, 0),
        (SPEECH, {"avg_logprob": -1.2}, 0, None),
        (SPEECH, {"capped": True}, None, None),
        (TWICE, {}, 7, None),
        (f"{TWICE} that is an exam", {"capped": True}, 7, None),
        (f"{TWICE} he said", {}, None, None),
    ],
)
def test_what_is_believed_before_the_last_try(
    text: str, changes: dict[str, Any], partial: int | None, final: int | None
) -> None:
    assert heard(text, final=False, **changes) == partial
    assert heard(text, final=True, **changes) == final


def test_on_the_last_try_everything_is_believed_but_loops_are_cut() -> None:
    assert heard(TWICE, final=True, tries=1) == 14, "people do say things twice"
    assert heard(f"{TWICE} {SPEECH}", final=True, tries=1) == 7
    assert heard(SPEECH, final=True, tries=1, avg_logprob=-1.2) == 7


def test_windows_of_like_length_are_tried_together_and_long_ones_apart() -> None:
    jobs = [job(10, 12.5), job(1, 3.5), job(3, 5.5), job(5, 7.5)]
    lengths = [[j.rung.total_s for j in bucket] for bucket in buckets(jobs)]
    assert lengths == [[3.5, 5.5], [7.5, 12.5]]
    assert all(bucket[-1] <= BUCKET * bucket[0] for bucket in lengths)


def test_a_padded_window_does_not_make_short_ones_wait_for_its_thirty_seconds() -> None:
    climbed, fresh = job(1, 3.5, FULL_S, tries=1), job(1, 3.5, FULL_S)
    assert buckets([climbed, fresh]) == [[fresh], [climbed]]


def test_windows_sampled_at_random_are_not_mixed_with_others() -> None:
    greedy, sampled = job(1, FULL_S), job(1, FULL_S, temperature=0.4)
    assert buckets([sampled, greedy]) == [[greedy], [sampled]]


def test_nothing_to_try_is_no_bucket() -> None:
    assert buckets([]) == []
