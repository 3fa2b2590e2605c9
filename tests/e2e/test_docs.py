"""The examples on docs/http.md that are marked ``run``, in their order and in one folder, against a real server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
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
