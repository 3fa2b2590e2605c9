"""Speaker embeddings as a Serve deployment, which has no replica while nobody asks who spoke."""

import asyncio
from typing import Any

from ray import serve

from deployments.cpu_share import CpuShare
from deployments.speakers import engine
from deployments.stage import StageRunner, revised
from deployments.tracing.connect import connect
from izwi import logs
from izwi.errors import ModelMissing
from izwi.settings import Settings
from izwi.stages import Capabilities, SpeakerRequest, SpeakerResult


@serve.deployment(name="speakers")
class Speakers:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._settings = settings
        self._spans = connect(settings, "speakers")
        self._runner = StageRunner[engine.SpeakerEngine]("speakers", (), spans=self._spans)
        self._cpu = CpuShare(settings.speakers.resources.cpus)
        self._lacks = ""
        try:
            self._runner.replace(engine.load(settings))
        except ModelMissing as error:  # whoever asks is to be told; a replica that cannot start tells nobody
            self._lacks = str(error)

    async def reconfigure(self, changes: dict[str, Any]) -> None:
        """Serve's ``user_config``: other settings of this stage. The new engines are loaded beside the old ones, which
        serve until then."""
        settings = revised(self._settings, "speakers", changes)
        self._runner.replace(await asyncio.to_thread(engine.load, settings))
        self._lacks = ""

    def check_health(self) -> None:
        self._runner.check()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """For deployments/scaling.py; Serve asks a few times a minute."""
        return {"cpu": await asyncio.to_thread(self._cpu.measure)}

    async def __call__(self, request: SpeakerRequest) -> SpeakerResult:
        """One vector per window, in order."""
        if self._lacks:
            raise ModelMissing(self._lacks)
        vectors, timing = await self._runner.run(lambda e: e.embed(request.windows), traces=[request.trace])
        return SpeakerResult(tuple(vectors), timing)

    def __del__(self) -> None:
        if (spans := getattr(self, "_spans", None)) is not None:
            spans.close()

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=tuple(e.name for e in self._runner.engines))
