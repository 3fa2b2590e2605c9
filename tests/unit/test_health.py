"""What a health check's load test reports, and its speakers in the background."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from izwi.audio import write_wav
from loadtests.background import speaking
from loadtests.health import failures, figures, percentiles_ms, table
from loadtests.http_client import Answers
from loadtests.sampling import Spent

USED = Spent(10.0, {"ingress": 40.0, "haproxy": 5.0}, client=7.0, others=1.0)


def answers(**changes: Any) -> Answers:
    base = {"began": 0.0, "wall_s": 10.0, "in_time": 2000, "latencies": [0.002] * 1980 + [0.05] * 20}
    return Answers(**{**base, "sent_late": [0.0001] * 2000, "statuses": Counter({200: 2000}), **changes})


def summary(closed: Answers | None = None, fixed: Answers | None = None, own: float = 5.0) -> dict[str, Any]:
    rows = [
        figures("closed loop", closed or answers(sent_late=[]), USED, own),
        figures("200 a second", fixed or answers(), USED, own),
    ]
    return {"rows": rows, "connections": 20, "speakers": 0, "speaker_problems": []}


def test_percentiles_are_milliseconds() -> None:
    assert percentiles_ms([0.001, 0.002, 0.003]) == {"p50": 2.0, "p95": 2.9, "p99": 2.98}
    assert percentiles_ms([]) == {"p50": None, "p95": None, "p99": None}


def test_the_table_has_a_row_per_mode() -> None:
    lines = table(summary()).splitlines()
    assert lines[2] == "| closed loop | 200 | 2.00 | 2.00 | 2.48 | 0 | 5 | 45 |"
    assert lines[3].startswith("| 200 a second | 200 |")
    assert "20 connections, 0 speakers" in lines[5]
    assert "p50 0.10, p99 0.10 ms late itself" in lines[5]


def test_a_clean_run_within_its_limits() -> None:
    assert failures(summary(), most_p99_ms=3.0, least_rate=200.0) == []


def test_what_makes_a_run_fail() -> None:
    bad = summary(closed=answers(lost=2, statuses=Counter({200: 1990, 503: 10})), own=95.0)
    found = failures({**bad, "speaker_problems": ["a speaker was refused"]}, most_p99_ms=2.0, least_rate=300.0)
    assert found == [
        "closed loop: 2 requests lost, 10 answers other than 200",
        "closed loop: this client used 95 % of a core and measured itself",
        "200 a second: this client used 95 % of a core and measured itself",
        "a speaker was refused",
        "p99 at the fixed rate is above 2 ms",
        "fewer than 300 requests a second",
    ]


def test_no_speakers_need_no_process() -> None:
    with speaking("ws://127.0.0.1:1", 0, 1.0) as background:
        assert background.process is None


def test_speakers_that_fail_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(1600, np.int16), 16_000)
    (tmp_path / "manifest.json").write_text('[{"file": "a.wav", "text": "a"}]')
    with speaking("ws://127.0.0.1:1", 2, 1.0, tmp_path) as background:  # nobody listens there
        assert background.process is not None
        assert background.process.is_running()
    assert background.problems[0] == "a speaker ended early"
    assert background.problems[1].startswith("unavailable: cannot connect")
    assert not background.process.is_running()
