"""A server as a user starts it: its own process, real sockets, real models."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from izwi.cli import app
from izwi.server_process import running_server
from tests.e2e import javascript
from tests.language_model import language_model

MAX_AUDIO_SECONDS = 60


@dataclass(frozen=True)
class Server:
    http: str
    log: Path
    """What the process says."""

    @property
    def ws(self) -> str:
        return self.http.replace("http", "ws", 1) + "/ws/stream"

    @property
    def logs(self) -> Path:
        """The folder with what its parts say."""
        found = re.search(r"^ +logs +(\S+)$", self.log.read_text(), re.MULTILINE)
        assert found
        return Path(found[1])


@contextmanager
def started(folder: Path, **environment: str) -> Iterator[Server]:
    """A server with that environment, which nobody else sees."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            log = folder / "server.log"
            url = stack.enter_context(running_server(log))
        yield Server(url, log)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    environment = {
        "IZWI_MAX_AUDIO_SECONDS": str(MAX_AUDIO_SECONDS),
        "IZWI_PING_INTERVAL_S": "5",
        "IZWI_JOBS__SPOOL_DIR": str(folder / "spool"),
        "IZWI_JOBS__URLS": '["127.0.0.1"]',
    }
    with language_model() as model, started(folder, **environment, IZWI_LLM__BASE_URL=model.url) as server:
        yield server


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenAI's client for JavaScript, installed, with the programs that use it."""
    return javascript.installed(tmp_path_factory.mktemp("node"))


def make_key(file: Path, name: str, *options: str) -> str:
    """A key, by the command that users have."""
    result = CliRunner().invoke(app, ["keys", "new", name, "--file", str(file), *options])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.toml"


@pytest.fixture(scope="module")
def key(key_file: Path) -> str:
    return make_key(key_file, "clinic", "--sessions", "2")


@pytest.fixture(scope="module")
def guarded(key_file: Path, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {
        "IZWI_API_KEYS_FILE": str(key_file),
        "IZWI_DEBUG": "1",
        "IZWI_IDLE_TIMEOUT_S": "3",
        "IZWI_MAX_CONNECTION_AGE_S": "6",
        "IZWI_PING_INTERVAL_S": "1",
    }
    with started(tmp_path_factory.mktemp("guarded"), **environment) as server:
        yield server
