"""`izwi eval` and `izwi bench` against a real server."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from izwi.cli import app
from tests.e2e.conftest import Server
from tests.speech import LIBRIVOX, needs_librivox

pytestmark = needs_librivox


def run(server: Server, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--url", server.http, "--language", "en"])


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Two recordings; what is said in the second ends with a word that nobody says."""
    rows = [{"file": clip.path.name, "text": clip.text} for clip in LIBRIVOX[:2]]
    rows[1]["text"] += " xylophone"
    for clip in LIBRIVOX[:2]:
        shutil.copy(clip.path, tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(rows))
    return path


def test_error_rates_of_recordings(server: Server, listing: Path) -> None:
    done = run(server, "eval", str(listing), "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert 0 < found["wer"] < 30
    assert 0 < found["cer"] < 30
    assert found["words"] == sum(len(clip.text.replace("-", " ").split()) for clip in LIBRIVOX[:2]) + 1
    assert any("xylophone" in one["said"] for one in found["files"][1]["differences"])
    assert found["audio_s"] > 5
    assert run(server, "eval", str(listing), "--max-wer", "30").exit_code == 0
    strict = run(server, "eval", str(listing), "--max-wer", "0.0", "--normaliser", "whisper")
    assert strict.exit_code == 1
    assert "xylophone" in strict.stdout
    assert "is above 0 %" in strict.stderr


def test_a_file_that_is_missing_is_named(server: Server, listing: Path) -> None:
    (listing.parent / LIBRIVOX[1].path.name).unlink()
    done = run(server, "eval", str(listing))
    assert done.exit_code == 2
    assert f"names 1 of 2 files that are not there: {LIBRIVOX[1].path.name}" in done.stderr


def test_recordings_over_http_are_timed(server: Server) -> None:
    done = run(server, "bench", "http", *(str(clip.path) for clip in LIBRIVOX[:2]), "--requests", "4", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["requests"], found["errors"]) == (4, {})
    assert 0 < found["latency_s"]["p50"] <= found["latency_s"]["p99"] < 30
    assert found["requests_per_s"] > 0


def test_live_sessions_are_timed(server: Server) -> None:
    done = run(server, "bench", "ws", str(LIBRIVOX[1].path), "--seconds", "5", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["sessions"], found["errors"]) == (1, {})
    assert found["words"] > 3
    for delay in ("session_start_s", "first_partial_s", "final_lag_s"):
        assert 0 < found[delay]["p50"] < 10
