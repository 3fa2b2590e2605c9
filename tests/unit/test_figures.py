import numpy as np
import pytest

from loadtests.adapters.conversation import Final, Load, Partial
from loadtests.corpus import Clip, Placed
from loadtests.figures import Cost, figures
from loadtests.reference import Reference
from loadtests.speaker import Heard

SECOND = np.zeros(16_000, np.float32)
CLIPS = [Clip("a", "Don't run.", SECOND), Clip("b", "Stop it now.", SECOND)]
REFERENCES = {
    "a": Reference("Don't run.", 0.1, 0.9, [("dont", 0.5), ("run", 0.9)]),
    "b": Reference("Stop it nows.", 0.1, 0.9, [("stop", 0.3), ("it", 0.6), ("nows", 0.9)]),
}
SCRIPT = [Placed(CLIPS[0], 0), Placed(CLIPS[1], 32_000)]


def heard(*texts: str) -> Heard:
    one = Heard(started_at=50.0)
    for number, text in enumerate(texts):
        one.note(Partial(51.0 + 2 * number, str(number), "", text))
        one.note(Final(51.5 + 2 * number, str(number), text, None))
    return one


def test_a_row() -> None:
    cost = Cost(bench_cores=0.1, client_lag_s=0.02, cpu_cores=1.234, rss_mb=900.4, asr_s=1.5, asr_passes=6)
    row = figures([SCRIPT], [heard("Don't run.", "Stop it now.")], REFERENCES, "en", cost)
    assert (row["speakers"], row["refused"], row["words_timed"]) == (1, 0, 4)
    assert row["word_committed_s"]["p50"] == pytest.approx(0.95, abs=0.06)
    assert row["first_partial_s"]["p50"] == pytest.approx(0.9)
    assert row["final_lag_s"]["p50"] == pytest.approx(0.6)
    assert row["wer"] == 0.0, "contractions are spelled out on both sides"
    assert row["offline_wer"] == pytest.approx(100 / 6, abs=0.01)
    assert (row["cpu_cores"], row["rss_mb"], row["asr_rtf"]) == (1.23, 900, 0.5)
    assert row["first_audio_s"]["p50"] is None
    assert not row["void"]
    assert row["errors"] == {}


def test_both_error_rates_count_a_clip_as_often_as_it_was_spoken() -> None:
    script = [Placed(CLIPS[1], 0), Placed(CLIPS[1], 32_000)]
    row = figures([script], [heard("Stop it now.", "Stop it")], REFERENCES, "en", Cost(0.0, 0.0))
    assert row["wer"] == pytest.approx(100 / 6, abs=0.01)
    assert row["offline_wer"] == pytest.approx(200 / 6, abs=0.01)


def test_refused_speakers_count_for_nothing_else() -> None:
    refused = Heard(refused=True)
    row = figures([SCRIPT, SCRIPT], [heard("Don't run.", "Stop it now."), refused], REFERENCES, "en", Cost(0.0, 0.0))
    assert (row["refused"], row["wer"], row["void"]) == (1, 0.0, False)
    alone = figures([SCRIPT], [refused], REFERENCES, "en", Cost(0.0, 0.0))
    assert alone["wer"] is alone["offline_wer"] is alone["erasure"] is alone["asr_rtf"] is None


def test_what_makes_a_run_void() -> None:
    late = heard("Don't run.", "Stop it now.")
    late.late_chunks = 1
    assert figures([SCRIPT], [late], REFERENCES, "en", Cost(0.0, 0.0))["void"]
    fine = heard("Don't run.", "Stop it now.")
    assert figures([SCRIPT], [fine], REFERENCES, "en", Cost(0.0, client_lag_s=0.3))["void"]


def test_errors_by_code_and_load_by_level() -> None:
    one = heard("Don't run.", "Stop it now.")
    one.errors += ["engine_failed: a", "engine_failed: b", "stage_timeout: c"]
    one.load += [Load(1.0, "stretched", 700), Load(2.0, "normal", 300)]
    row = figures([SCRIPT], [one], REFERENCES, "en", Cost(0.0, 0.0))
    assert row["errors"] == {"engine_failed": 2, "stage_timeout": 1}
    assert row["load"] == {"events": {"stretched": 1, "normal": 1}, "max_update_ms": 700}
