from pathlib import Path
from typing import Any

from loadtests import report
from loadtests.plots import plot

NONE = {"p50": None, "p95": None, "p99": None}
RUN: dict[str, Any] = {
    "direction": "en",
    "speakers": 2,
    "refused": 0,
    "first_partial_s": {"p50": 0.7, "p95": 0.9, "p99": 1.0},
    "word_shown_s": {"p50": 0.8, "p95": 1.5, "p99": 2.0},
    "word_committed_s": {"p50": 1.2, "p95": 2.5, "p99": 3.0},
    "final_lag_s": {"p50": 0.5, "p95": 0.8, "p99": 0.9},
    "translated_s": NONE,
    "first_audio_s": NONE,
    "wer": 3.3,
    "offline_wer": 2.9,
    "erasure": 0.2,
    "asr_rtf": 0.3,
    "cpu_cores": 0.9,
    "bench_cores": 0.05,
    "rss_mb": 1500,
    "load": {"events": {}, "max_update_ms": None},
    "merged_speech": 0,
    "skipped_speech": 0,
    "held_chunks": 0,
    "dropped_chunks": 0,
    "late_chunks": 0,
    "client_lag_s": 0.01,
    "errors": {},
    "void": False,
}
BAD = {
    **RUN,
    "speakers": 32,
    "refused": 3,
    "load": {"events": {"stretched": 2, "captions_only": 1, "normal": 1}, "max_update_ms": 1200},
    "dropped_chunks": 4,
    "late_chunks": 5,
    "errors": {"engine_failed": 2},
    "void": True,
}
TRANSLATED = {**RUN, "direction": "en-es", "first_audio_s": RUN["final_lag_s"], "offline_wer": None}
SUMMARY = {"machine": "2 cores", "model": "base", "seconds_per_speaker": 25.0, "runs": [RUN, BAD, TRANSLATED]}


def test_a_table_per_direction_with_a_row_per_run() -> None:
    lines = report.table(SUMMARY).splitlines()
    assert lines[0] == "### en, captions"
    assert "word shown p50 / p95 / p99, s" in lines[2]
    assert "first audio" not in lines[2]
    assert lines[4].startswith(
        "| 2 | 0.70 / 0.90 | 0.80 / 1.50 / 2.00 | 1.20 / 2.50 / 3.00 | 0.50 / 0.80 | 3.3 | 2.9 |"
    )
    assert lines[4].endswith("| – |")
    assert lines[5].startswith("| 32 (void) |")
    assert lines[7] == "### en → es"
    assert "first audio after clause" in lines[9]
    assert "| 3.3 | – |" in lines[11]


def test_a_row_says_what_a_reader_has_to_know() -> None:
    assert report.remarks(RUN) == []
    assert report.remarks(BAD) == [
        "3 refused",
        "load: captions_only, an update every 1200 ms",
        "4 chunks never sent",
        "errors: 2 engine_failed",
        "VOID: 5 late chunks, client up to 0.01 s late",
    ]


def test_a_run_in_one_line() -> None:
    assert "en, 2 speakers: " in report.line(RUN)
    assert "word shown 0.80 / 1.50" in report.line(RUN)
    assert "first audio" not in report.line(RUN)
    assert "VOID" in report.line(BAD)


def test_plots_are_written_with_a_panel_per_direction(tmp_path: Path) -> None:
    plot(SUMMARY, tmp_path)
    assert (tmp_path / "delays.png").stat().st_size > 1000
    assert "<svg" in (tmp_path / "delays.svg").read_text()


def test_runs_that_are_void_are_not_drawn_but_break_nothing(tmp_path: Path) -> None:
    plot({**SUMMARY, "runs": [BAD]}, tmp_path)
    assert (tmp_path / "delays.png").is_file()
