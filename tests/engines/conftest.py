"""What several tests of jobs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.jobs import runner, work
from deployments.store.embedded import EmbeddedRedis
from tests.engines.jobs import recording


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    """One for each file."""
    server = EmbeddedRedis()
    yield server
    server.stop()


@pytest.fixture
def quick_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds between looks takes none."""
    monkeypatch.setattr(runner, "POLL_S", 0.05)
    monkeypatch.setattr(runner, "RENEW_S", 0.05)
    monkeypatch.setattr(work, "BACKOFF_S", (0.01, 0.01))


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("talk") / "a talk.wav")
