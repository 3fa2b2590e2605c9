from pathlib import Path

from loadtests import report

NONE = {"p50": None, "p95": None, "p99": None}
RUN = {
    "speakers": 2,
    "word_shown_s": {"p50": 0.8, "p95": 1.5, "p99": 2.0},
    "word_committed_s": {"p50": 1.2, "p95": 2.5, "p99": 3.0},
    "final_lag_s": {"p50": 0.5, "p95": 0.8, "p99": 0.9},
    "first_audio_s": NONE,
    "wer": 3.3,
    "erasure": 0.2,
    "asr_rtf": 0.3,
    "asr_passes_per_s": 2.5,
    "cpu_cores": 0.9,
    "rss_mb": 1500,
    "errors": [],
}
SUMMARY = {"machine": "2 cores", "model": "base", "offline_wer": 2.4, "runs": [RUN, {**RUN, "speakers": 4}]}


def test_percentiles() -> None:
    assert report.percentiles([1.0, 2.0, 3.0]) == {"p50": 2.0, "p95": 2.9, "p99": 2.98}
    assert report.percentiles([]) == NONE


def test_the_table_has_a_row_per_run_and_a_dash_where_nothing_was_measured() -> None:
    lines = report.table(SUMMARY).splitlines()
    assert lines[2].startswith("| 2 | 0.80 / 1.50 | 1.20 / 2.50 | 0.50 / 0.80 | – |")
    assert lines[3].startswith("| 4 |")


def test_a_run_in_one_line() -> None:
    assert "word shown 0.80 / 1.50" in report.line(RUN)
    assert "first audio" not in report.line(RUN)


def test_plots_are_written(tmp_path: Path) -> None:
    report.plot(SUMMARY, tmp_path)
    assert (tmp_path / "delays.png").stat().st_size > 1000
    assert "<svg" in (tmp_path / "delays.svg").read_text()
