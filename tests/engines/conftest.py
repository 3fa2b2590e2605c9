"""What several files of tests share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.jobs import runner, work
from deployments.store.embedded import EmbeddedRedis
from deployments.store.link import RedisLink
from deployments.tts.engine import TtsEngine, load
from izwi import models
from izwi.errors import ModelMissing
from izwi.settings import Settings
from tests.clock import Clock
from tests.engines.jobs import recording

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    """One for each file."""
    server = EmbeddedRedis()
    yield server
    server.stop()


@pytest.fixture
async def link(redis: EmbeddedRedis) -> AsyncIterator[RedisLink]:
    """To a Redis that knows nothing yet."""

    async def resolve() -> str:
        return redis.url

    link = RedisLink(resolve)
    await link.run(lambda client: client.flushall())
    yield link
    await link.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quick_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds between looks takes none."""
    monkeypatch.setattr(runner, "POLL_S", 0.05)
    monkeypatch.setattr(runner, "RENEW_S", 0.05)
    monkeypatch.setattr(work, "BACKOFF_S", (0.01, 0.01))


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("talk") / "a talk.wav")


@pytest.fixture(scope="module")
def tts_engines() -> dict[str, TtsEngine]:
    """By name, those that can run here."""
    return {engine.name: engine for engine in load(Settings())}


@pytest.fixture(scope="module")
def whisper() -> "WhisperModel":
    """Hears what was synthesised."""
    from faster_whisper import WhisperModel  # takes a second, which the tests of jobs need not wait for

    try:
        return WhisperModel(str(models.ensure("whisper-base", None)), device="cpu", compute_type="int8", cpu_threads=2)
    except ModelMissing as error:
        pytest.skip(str(error))
