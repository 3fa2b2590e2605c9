"""A server as a user starts it: its own process, real sockets, real models."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

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
