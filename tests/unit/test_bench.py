"""The bench's command line, with the measuring replaced."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from izwi.errors import UnsupportedAudio
from loadtests import bench
from loadtests.ramp import Speech, Target
from tests.unit.test_report import RUN


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, float]]:
    """Runs that were asked for: direction, speakers, seconds. The row of eight speakers is void."""
    runs: list[tuple[str, int, float]] = []

    async def run(target: Target, speech: Speech, speakers: int, seconds: float, seed: int) -> dict[str, Any]:
        assert target == Target("http://x", private=True)
        runs.append((speech.direction, speakers, seconds))
        return {**RUN, "direction": speech.direction, "speakers": speakers, "void": speakers == 8}

    @contextmanager
    def server(log: Path, tell: Any) -> Iterator[str]:
        yield "http://x"

    def speech(direction: str, *_: Any) -> Speech:
        source, _, target = direction.partition("-")
        if source == "de":
            raise UnsupportedAudio("no recordings in de")
        return Speech(source, target or None, [], {})

    monkeypatch.setattr(bench.ramp, "run", run)
    monkeypatch.setattr(bench, "running_server", server)
    monkeypatch.setattr(bench, "_speech", speech)
    return runs


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(bench.cli, arguments)


def test_captions_first_then_both_translations_each_after_a_warm_up(
    measured: list[tuple[str, int, float]], tmp_path: Path
) -> None:
    result = invoke("--speakers", "1,4", "--translated", "2", "--seconds", "20", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    warm = bench.WARM_UP_S
    assert measured == [
        ("en", 1, warm),
        ("en", 1, 20.0),
        ("en", 4, 20.0),
        ("en-es", 1, warm),
        ("en-es", 2, 20.0),
        ("es-en", 1, warm),
        ("es-en", 2, 20.0),
    ]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [row["speakers"] for row in summary["runs"]] == [1, 4, 2, 2]
    assert "### es → en" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "delays.svg").is_file()


def test_the_default_ramp_in_which_a_void_run_is_made_once_more(
    measured: list[tuple[str, int, float]], tmp_path: Path
) -> None:
    invoke("--directions", "en", "--out", str(tmp_path))
    assert [speakers for _, speakers, _ in measured[1:]] == [1, 2, 4, 8, 8, 12, 16, 24, 32]


def test_a_void_run_is_said_and_fails(measured: list[tuple[str, int, float]], tmp_path: Path) -> None:
    result = invoke("--directions", "en", "--speakers", "4,8", "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "void, because chunks left late: en with 8" in result.output
    assert "| 8 (void) |" in result.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--speakers", "many"], "numbers with commas"),
        (["--protocol", "smoke-signals"], "there are izwi"),
        (["--protocol", "openai-realtime"], "captions only"),
        (["--protocol", "whisperlivekit", "--directions", "en"], "name another one"),
    ],
)
def test_bad_arguments_are_explained(arguments: list[str], complaint: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_speech_that_is_not_there(measured: list[tuple[str, int, float]], tmp_path: Path) -> None:
    result = invoke("--directions", "de", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "cannot measure: no recordings in de" in result.output
