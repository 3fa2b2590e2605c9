"""The examples in docs/ against a real server: those of http.md that are marked ``run``, in their order and in one
folder, and those of jobs.md as one script."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Server
from tests.speech import needs_librivox

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "http.md"
ADDRESS = "http://127.0.0.1:8000"
"""The server's on the page."""
RUNNERS = {"bash": ("bash", "-euo", "pipefail", "-c"), "python": (sys.executable, "-c")}
_BLOCK = re.compile(r"^```(\w+) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Language and code."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(PAGE.read_text())]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.mark.parametrize(("language", "code"), blocks(), ids=lambda part: part[:70].strip().replace("\n", " "))
def test_an_example_runs(server: Server, folder: Path, language: str, code: str) -> None:
    before = set(folder.iterdir())
    done = subprocess.run(
        [*RUNNERS[language], code.replace(ADDRESS, server.http)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = set(folder.iterdir()) - before
    assert made or done.stdout
    assert all(file.stat().st_size > 100 for file in made)


@needs_librivox
def test_the_examples_of_jobs_run(server: Server, tmp_path: Path) -> None:
    script = "".join(re.findall(r"^```bash\n(.*?)^```$", (DOCS / "jobs.md").read_text(), re.MULTILINE | re.DOTALL))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "IZWI": server.http},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "event: done" in done.stdout
    assert "-->" in done.stdout
    assert "WEBVTT" in done.stdout
