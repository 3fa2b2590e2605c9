"""Voice activity detection as a Serve deployment."""

import asyncio
from typing import Any

from ray import serve

from deployments.stage import StageRunner, revised
from deployments.vad import engine
from izwi import logs
from izwi.errors import IzwiError
from izwi.settings import Settings
from izwi.stages import Capabilities, VadRequest, VadResult


@serve.deployment(name="vad")
class Vad:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._settings = settings
        self._runner = StageRunner("vad", engine.load(settings))

    async def reconfigure(self, changes: dict[str, Any]) -> None:
        """Serve's ``user_config``: other settings of this stage. The new engines are loaded beside the old ones, which
        serve until then."""
        settings = revised(self._settings, "vad", changes)
        self._runner.replace(await asyncio.to_thread(engine.load, settings))

    def check_health(self) -> None:
        self._runner.check()

    async def __call__(self, requests: list[VadRequest]) -> list[VadResult | IzwiError]:
        """Answers in order; an error stands in the place of the answer it prevents."""
        answers = await self._runner.run_batch(requests, lambda e, batch: [e.detect(r.samples, r.state) for r in batch])
        return [a if isinstance(a, IzwiError) else VadResult(*a[0], a[1]) for a in answers]

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=tuple(e.name for e in self._runner.engines))
