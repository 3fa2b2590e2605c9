"""What is made of measurements before they stand in the cost table."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from deployments.asr.engine import Transcript
from izwi.audio import SAMPLE_RATE
from izwi.capacity import costs
from izwi.capacity.costs import StreamRow
from izwi.capacity.speech import Placed, audible, position
from izwi.stages import AsrRequest, Word
from loadtests.corpus import Clip
from loadtests.costs import __main__ as command
from loadtests.costs import engines, files, hindsight, server
from loadtests.costs.speed import Speed, drifted
from loadtests.reference import Reference
from loadtests.sampling import Spent
from tests.capacity import CLIP, SPEECH, TABLE

NEEDED_S = 0.4
REFERENCE = Reference(
    " ".join(word for word, _ in CLIP.words), 0.2, 4.8, [(word.strip("."), end_s) for word, end_s in CLIP.words]
)


class Hesitant:
    """Is sure of a word `NEEDED_S` after its end."""

    def transcribe(self, requests: Sequence[AsrRequest]) -> list[Transcript]:
        (request,) = requests
        begin_s = position(float(request.samples[0])) / SAMPLE_RATE
        end_s = begin_s + len(request.samples) / SAMPLE_RATE
        words = [
            Word(f" {text}", at_s - 0.3 - begin_s, at_s - begin_s, 0.99)
            for text, at_s in CLIP.words
            if begin_s <= at_s - 0.3 and (request.final or at_s + NEEDED_S <= end_s)
        ]
        return [Transcript(tuple(words), "en", 1.0)]


def test_hindsight_is_what_has_to_be_heard_after_a_word() -> None:
    clip = Clip(CLIP.name, REFERENCE.text, audible([Placed(CLIP, 0.0)], CLIP.length_s))
    row = hindsight.measure(Hesitant(), "base", "en", [clip], {clip.name: REFERENCE})  # type: ignore[arg-type]
    middle = row.quantiles_s[len(row.quantiles_s) // 2]
    assert middle == pytest.approx(NEEDED_S, abs=hindsight.BIN_S)
    assert row.quantiles_s[1] == pytest.approx(NEEDED_S, abs=2 * hindsight.BIN_S)  # nothing is seen before
    assert row.quantiles_s[-1] <= NEEDED_S + 2 * hindsight.BIN_S
    assert list(row.quantiles_s) == sorted(row.quantiles_s)


def test_windows_are_of_one_length_and_lie_all_over_the_clips() -> None:
    clips = [Clip("a", "", np.arange(40_000, dtype=np.float32)), Clip("b", "", np.arange(40_000, dtype=np.float32))]
    found = engines.windows(clips, 1.5)
    assert [len(window) for window in found] == [24_000] * engines.WINDOWS
    assert len({float(window[0]) for window in found}) == engines.WINDOWS


class Tiring:
    """Takes so many times longer as it is told."""

    def __init__(self) -> None:
        self.times = 1

    def transcribe(self, requests: Sequence[AsrRequest]) -> list[Transcript]:
        began = time.process_time()
        while time.process_time() < began + 0.002 * self.times:
            pass
        return []


def test_the_table_is_set_right_by_how_passes_went_beside_the_bench() -> None:
    engine = Tiring()
    speed = Speed(engine, "en", [Clip("a", "", np.zeros(60_000, np.float32))])  # type: ignore[arg-type]
    speed.beside_table()
    assert speed.drift == 1.0
    engine.times = 3
    speed.beside_bench()
    assert speed.drift == pytest.approx(3.0, rel=0.2)
    assert drifted(TABLE.asr[:1], 1.5)[0].core_s == pytest.approx(1.5 * TABLE.asr[0].core_s)


def test_what_a_session_costs_is_what_the_server_uses_more() -> None:
    idle = Spent(10.0, {"ingress": 1.0, "vad": 0.5, "haproxy": 0.5, "proxy": 1.0, "asr": 1.0}, 0.0, 0.0)
    busy = Spent(10.0, {"ingress": 9.0, "vad": 4.5, "haproxy": 2.5, "proxy": 0.6, "asr": 150.0}, 5.0, 0.0)
    assert list(server.streams(idle, busy, 4, 40.0, speaking=True)) == [
        StreamRow(deployment="ingress", speaking=True, sessions=4, cores=0.02),
        StreamRow(deployment="vad", speaking=True, sessions=4, cores=0.01),
        StreamRow(deployment="proxy", speaking=True, sessions=4, cores=0.004),
    ]


def test_all_three_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    row = dict.fromkeys(server.KEPT, 1.0) | {"word_shown_s": {"p50": 0.5, "p95": 1.0, "p99": 1.5}, "speakers": 2}
    written = files.write(tmp_path, TABLE, SPEECH, server.kept([{**row, "errors": {}}]), 30.0, 1)
    assert [path.name for path in written] == [costs.COSTS, costs.SPEECH, costs.BENCH]
    assert costs.parse((tmp_path / costs.COSTS).read_text(), "x") == TABLE
    assert json.loads((tmp_path / costs.SPEECH).read_text()) == json.loads(SPEECH.model_dump_json())
    bench = json.loads((tmp_path / costs.BENCH).read_text())
    assert bench == {"run": TABLE.machine.run, "seconds": 30.0, "seed": 1, "rows": [row]}
    assert '["wor0", 0.4],' in (tmp_path / costs.SPEECH).read_text()  # pairs on one line


def test_nothing_is_written_without_a_check() -> None:
    result = CliRunner().invoke(command.cli, ["--write"])
    assert result.exit_code == 2
    assert "--check --write" in result.output


def test_without_a_check_the_table_is_all_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def measure(*_: Any) -> Any:
        return TABLE, SPEECH, []

    monkeypatch.setattr(command, "_measure", measure)
    result = CliRunner().invoke(command.cli, ["--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "crowding 1.25, idle server 0.2 cores" in result.output
    assert [path.name for path in tmp_path.iterdir()] == [costs.COSTS]
