"""What the stage deployments are to Serve: engines that are loaded once, can be replaced while they serve, and say when
their process is beyond help."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic

from deployments.cpu_share import CpuShare
from deployments.stage import E, StageRunner, revised
from deployments.tracing.connect import connect
from izwi import logs
from izwi.errors import ModelMissing
from izwi.settings import Settings


class StageDeployment(Generic[E]):
    """
    Args:
        stage: its name in settings, logs and errors.
        load: the engines that given settings ask for.
        workers: calls in parallel; engines must allow that many threads.
        optional: start without an engine where none can run here, for a server that can do without this stage:
            whoever asks is told what is missing. A replica that cannot start tells nobody.

    Raises:
        ModelMissing: no engine can run here.
    """

    def __init__(
        self,
        stage: str,
        settings: Settings,
        load: Callable[[Settings], Sequence[E]],
        workers: int = 1,
        *,
        optional: bool = False,
    ) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._deployed = settings
        self._settings = settings
        """Those in force."""
        self._load = load
        self._spans = connect(settings, stage)
        self._missing = ""
        engines: Sequence[E] = ()
        try:
            engines = load(settings)
        except ModelMissing as error:
            if not optional:
                raise
            self._missing = str(error)
        self._runner = StageRunner(stage, engines, workers, spans=self._spans)
        self._workers = workers
        self._cpu = CpuShare(getattr(settings, stage).resources.cpus)

    async def reconfigure(self, changes: dict[str, Any]) -> None:
        """Serve's ``user_config``: other settings of this stage. The new engines are loaded beside the old ones, which
        serve until then."""
        settings = revised(self._deployed, self._runner.stage, changes)
        self._runner.replace(await asyncio.to_thread(self._load, settings))
        self._settings = settings
        self._missing = ""

    def check_health(self) -> None:
        """Raises `EngineFailed` where Serve is to replace this process."""
        self._runner.check()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """For deployments/scaling.py; Serve asks a few times a minute."""
        return {"cpu": await asyncio.to_thread(self._cpu.measure), "workers": self._workers}

    async def flush(self) -> None:
        """Send the spans that wait."""
        if self._spans is not None:
            await self._spans.flush()

    def __del__(self) -> None:
        if (spans := getattr(self, "_spans", None)) is not None:
            spans.close()

    def _check_engines(self) -> None:
        """Raises `ModelMissing` where this process has started without an engine."""
        if self._missing:
            raise ModelMissing(self._missing)

    @property
    def _engines(self) -> tuple[E, ...]:
        """In order of preference."""
        return self._runner.engines

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(engine.name for engine in self._engines)
