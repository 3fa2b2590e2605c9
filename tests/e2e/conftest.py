"""A server as a user starts it: its own process, real sockets, real models."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from izwi.cli import app
from izwi.server_process import running_server

MAX_AUDIO_SECONDS = 60


@dataclass(frozen=True)
class Server:
    http: str

    @property
    def ws(self) -> str:
        return self.http.replace("http", "ws", 1) + "/ws/stream"


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IZWI_MAX_AUDIO_SECONDS", str(MAX_AUDIO_SECONDS))
        patch.setenv("IZWI_PING_INTERVAL_S", "5")
        with running_server(tmp_path_factory.mktemp("server") / "server.log") as url:
            yield Server(url)


def make_key(file: Path, name: str, *options: str) -> str:
    """A key, by the command that users have."""
    result = CliRunner().invoke(app, ["keys", "new", name, "--file", str(file), *options])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.fixture(scope="package")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.toml"


@pytest.fixture(scope="package")
def key(key_file: Path) -> str:
    return make_key(key_file, "clinic", "--sessions", "2")


@pytest.fixture(scope="package")
def guarded(key_file: Path, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IZWI_API_KEYS_FILE", str(key_file))
        patch.setenv("IZWI_DEBUG", "1")
        patch.setenv("IZWI_IDLE_TIMEOUT_S", "3")
        patch.setenv("IZWI_PING_INTERVAL_S", "1")
        with running_server(tmp_path_factory.mktemp("server") / "server.log") as url:
            yield Server(url)
