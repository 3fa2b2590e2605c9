"""`izwi plan` and `izwi simulate`."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from izwi.cli import app
from loadtests.costs import files
from tests.capacity import TABLE

runner = CliRunner(env={"COLUMNS": "200"})


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.toml"
    path.write_text(files.toml(TABLE))
    return str(path)


def run(*arguments: str) -> Any:
    return runner.invoke(app, arguments)


def test_a_plan_names_replicas_nodes_delays_and_where_costs_come_from(own: str) -> None:
    result = run("plan", "--speakers", "1000", "--target", "es", "--costs", own)
    assert result.exit_code == 0, result.output
    for part in (
        *("1,000 sessions", "ingress", "vad", "asr", "mt", "tts", "sessions a core", "words are seen"),
        *("costs: a test, 4 cores, measured 2026-01-01T00:00Z", "a core of a larger node may be slower"),
        *("asr: {resources: {max_replicas: ", "{groupName: stages, maxReplicas: "),
    ):
        assert part in result.output
    assert "IZWI_" not in result.output.replace("IZWI_MAX_CONCURRENT_SESSIONS", "")
    alone = run("plan", "--speakers", "4", "--costs", own).output
    assert "IZWI_ASR__RESOURCES__MAX_REPLICAS=" in alone
    assert "max_replicas:" not in alone


def test_the_shipped_costs_are_enough_for_both_ways_of_the_demo() -> None:
    for arguments in ([], ["--target", "es"], ["--target", "es", "--no-speech"]):
        assert run("plan", "--speakers", "100", "--language", "en", *arguments).exit_code == 0


def test_a_plan_as_json_has_all_of_it(own: str) -> None:
    result = run("plan", "--speakers", "50", "--duty", "0.5", "--costs", own, "--json")
    found = json.loads(result.output)
    assert found["machine"]["name"] == "a test"
    assert found["demand"] == {"speakers": 50, "duty": 0.5, "update_s": 0.6, "delay_p95_s": None}
    assert [need["deployment"] for need in found["needs"]] == ["ingress", "vad", "asr"]
    assert found["nodes"] >= 1
    assert found["flow"]["period_s"] <= 0.6


def test_settings_count(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def ingresses() -> int:
        found = json.loads(run("plan", "--speakers", "64", "--costs", own, "--json").output)
        return found["needs"][0]["replicas"]

    before = ingresses()
    monkeypatch.setenv("IZWI_MAX_CONCURRENT_SESSIONS", "4")
    assert (before, ingresses()) == (2, 16)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--device", "cuda"], "not_measured: no GPU was at hand"),
        (["--device", "tpu"], "--device is cpu or cuda, not tpu"),
        (["--language", "sw"], "not_measured: recognition of sw by base"),
        (["--target", "sw"], "not_measured: translation from en to sw"),
        (["--model", "large-v3"], "not_measured: recognition of en by large-v3"),
        (["--update", "0.1"], "out_of_reach: an update every 0.1 s"),
        (["--word-delay", "0.1"], "out_of_reach: 95 % of the words within 0.1 s"),
        (["--costs", "no such file.toml"], "bad_cost_table: no such file.toml"),
        (["--node-cores", "1", "--node-memory", "1"], "hold no replica"),
    ],
)
def test_what_cannot_be_planned_is_one_clear_line(arguments: list[str], told: str) -> None:
    result = run("plan", "--speakers", "10", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["plan"], ["plan", "--speakers", "0"], ["plan", "--speakers", "5", "--duty", "2"], ["simulate"],
     ["simulate", "--speakers", "many"], ["simulate", "--speakers", "5,0"]],
)  # fmt: skip
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_calls_and_flow_show_the_course(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_MAX_CONCURRENT_SESSIONS", "50")
    calls = run("simulate", "--speakers", "2", "--seconds", "20", "--ramp", "2", "--costs", own)
    flow = run("simulate", "--speakers", "2", "--seconds", "20", "--ramp", "2", "--costs", own, "--flow")
    for result in (calls, flow):
        assert result.exit_code == 0, result.output
        assert "word shown p50, s" in result.stdout
        assert "IZWI_PROFILE=cloud" in result.stdout  # 50 sessions an ingress, and another one at 60
    assert len(flow.stdout.splitlines()) > len(calls.stdout.splitlines())


def test_a_sweep_has_a_row_for_each(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_MAX_CONCURRENT_SESSIONS", "200")
    result = run("simulate", "--speakers", "100,1000,100000", "--seconds", "200", "--flow", "--costs", own)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[0] for row in rows if row and row[0] in ("100", "1,000", "100,000")] == ["100", "1,000", "100,000"]
    assert "IZWI_PROFILE" not in result.stdout


def test_fixed_replicas_stay(own: str) -> None:
    result = run("simulate", "--speakers", "300", "--fixed", "--flow", "--json", "--ramp", "10", "--costs", own)
    (found,) = json.loads(result.stdout)
    counts = {one["replicas"]["asr"] for one in found["moments"]}
    assert found["speakers"] == 300
    assert len(counts) == 1
    assert max(one["sessions"] for one in found["moments"]) == 300
    assert sum(one["refused"] for one in found["moments"]) == 0


def test_a_course_can_be_drawn(own: str, tmp_path: Path) -> None:
    path = tmp_path / "out" / "course.png"
    result = run("simulate", "--speakers", "50,500", "--flow", "--seconds", "30", "--costs", own, "--plot", str(path))
    assert result.exit_code == 0, result.output
    assert path.stat().st_size > 10_000


def test_drawing_without_matplotlib_says_how_to_get_it(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "izwi.capacity.drawing", raising=False)
    result = run("simulate", "--speakers", "5", "--flow", "--seconds", "20", "--costs", own, "--plot", "x.png")
    assert result.exit_code == 1
    assert "izwi[bench]" in result.stderr
