"""The load test as an operator runs it, in small: Locust, real speech, a server."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Server
from tests.speech import LIBRIVOX, needs_librivox

ROOT = Path(__file__).resolve().parents[2]


def loadtest(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadtests.swarm", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)


@needs_librivox
def test_smoke_in_small(server: Server, tmp_path: Path) -> None:
    clips = sorted(LIBRIVOX, key=lambda clip: clip.path.stat().st_size)[:2]
    rows = [{"file": str(clip.path), "text": clip.text} for clip in clips]
    (tmp_path / "manifest.json").write_text(json.dumps(rows))
    # Neither how fast this machine is nor how busy decides: latencies have slack, and a void run is looked at as well.
    done = loadtest(
        *("smoke", "--host", server.http, "--minutes", 0.17, "--slack", 50, "--seed", 2),
        *("--corpus", tmp_path, "--out", tmp_path),
    )
    assert done.returncode in (0, 3), done.stdout + done.stderr
    found = json.loads((tmp_path / "smoke" / "results.json").read_text())
    assert found["errors"] == {}
    assert [check["name"] for check in found["checks"] if not check["kept"]] == []
    assert found["counts"]["sessions"] >= 3
    assert found["counts"]["connections cut"] >= 1
    assert found["load_generator"]["sent_late"]["count"] >= 3
    measured = {
        "session",
        "chunk",
        "update",
        "first_partial",
        "word_shown",
        "word_committed",
        "final_lag",
        "translated",
    }
    measured |= {"first_audio", "resume", "transcription", "speech_first"}
    assert set(found["metrics"]) == measured
    page = (tmp_path / "smoke" / "report.html").read_text()
    assert page.count("<svg") == len(measured) + 2, "a drawing of each, of all, and of users"
    assert (tmp_path / "smoke" / "locust.html").is_file()


def test_a_server_that_is_not_there_cannot_be_measured() -> None:
    done = loadtest("smoke", "--host", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "http://127.0.0.1:9 does not answer" in done.stderr
