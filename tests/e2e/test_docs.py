"""The examples on docs/http.md, those that are marked ``run`` in their order and in one folder, and the requests in
README.md, against a real server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Server
from tests.speech import LIBRIVOX, needs_librivox

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "http.md"
ADDRESS = "http://127.0.0.1:8000"
"""The server's on the page."""
RUNNERS = {"bash": ("bash", "-euo", "pipefail", "-c"), "python": (sys.executable, "-c")}
_BLOCK = re.compile(r"^```(\w+) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Language and code."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(PAGE.read_text())]


def programs(language: str) -> list[str]:
    """The page's programs that are not marked ``run``, because more is needed than an interpreter."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def requests() -> list[str]:
    """The commands in README.md that talk to a server."""
    return re.findall(r"^curl .*$", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.mark.parametrize(("language", "code"), blocks(), ids=lambda part: part[:70].strip().replace("\n", " "))
def test_an_example_runs(server: Server, folder: Path, language: str, code: str) -> None:
    run(server, folder, *RUNNERS[language], code)


@pytest.mark.parametrize("code", programs("js"), ids=["openai"])
def test_a_program_in_javascript_runs(server: Server, project: Path, code: str) -> None:
    file = project / "page.mjs"
    file.write_text(code.replace(ADDRESS, server.http))
    run(server, project, "node", str(file))


@needs_librivox
@pytest.mark.parametrize("command", requests(), ids=lambda command: command.split()[1].rpartition("/")[2])
def test_a_request_in_the_readme_is_answered(server: Server, tmp_path: Path, command: str) -> None:
    (tmp_path / "talk.mp4").write_bytes(LIBRIVOX[0].path.read_bytes())  # files are known by what is in them
    run(server, tmp_path, *RUNNERS["bash"], command.replace("curl ", "curl -sSf ", 1))


def run(server: Server, folder: Path, *command: str) -> None:
    """An example must work, and print something or make a file."""
    before = set(folder.iterdir())
    done = subprocess.run(
        [part.replace(ADDRESS, server.http) for part in command],
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
