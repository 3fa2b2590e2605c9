import numpy as np
import pytest

from deployments.asr import guard
from deployments.asr.guard import Verdict
from deployments.asr.ladder import BUCKET, FULL_S, Job, Rung, buckets
from izwi.stages import AsrRequest


def job(seconds: float, *totals_s: float, final: bool = False, tries: int = 0, temperature: float = 0.0) -> Job:
    samples = np.zeros(round(seconds * 16_000), np.float32)
    return Job(AsrRequest(samples, "en", final), tuple(Rung(total_s, temperature) for total_s in totals_s), tries)


@pytest.mark.parametrize(
    ("verdict", "partial", "final"),
    [
        (Verdict.GOOD, True, True),
        (Verdict.SILENCE, True, True),
        (Verdict.UNSURE, True, False),
        (Verdict.LOOP, False, False),
        (Verdict.REPEAT, False, False),
        (Verdict.CAPPED, False, False),
    ],
)
def test_what_ends_the_climb_before_the_last_rung(verdict: Verdict, partial: bool, final: bool) -> None:
    assert job(1, 3.5, 30, final=False).settles(verdict) is partial
    assert job(1, 3.5, 30, final=True).settles(verdict) is final


@pytest.mark.parametrize("verdict", Verdict)
def test_on_the_last_rung_everything_settles(verdict: Verdict) -> None:
    assert job(1, 3.5, 30, final=True, tries=1).settles(verdict)


def test_a_short_window_may_hold_few_tokens_and_a_padded_one_all_that_whisper_knows() -> None:
    assert job(1, 3.5, 30).token_limit == guard.token_limit(1)
    assert job(1, 3.5, 30, tries=1).token_limit == guard.MAX_TOKENS


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
