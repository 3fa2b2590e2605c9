"""Text translation as a Serve deployment."""

import asyncio
from typing import Any

from ray import serve

from deployments.mt import engine
from deployments.stage import StageRunner, revised
from izwi import logs
from izwi.settings import Settings
from izwi.stages import Capabilities, MtRequest, MtResult

WORKERS = 2
"""Calls in parallel: the two directions of a conversation must not wait for each other."""


@serve.deployment(name="mt")
class Mt:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._settings = settings
        self._runner = StageRunner("mt", engine.load(settings), WORKERS)

    async def reconfigure(self, changes: dict[str, Any]) -> None:
        """Serve's ``user_config``: other settings of this stage. The new engines are loaded beside the old ones, which
        serve until then."""
        settings = revised(self._settings, "mt", changes)
        self._runner.replace(await asyncio.to_thread(engine.load, settings))

    def check_health(self) -> None:
        self._runner.check()

    async def __call__(self, request: MtRequest) -> MtResult:
        engine.check_pair(self._pairs(), request.source, request.target)
        text, timing = await self._runner.run(
            lambda e: e.translate(request), lambda e: (request.source, request.target) in e.pairs
        )
        return MtResult(text, timing)

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=tuple(e.name for e in self._runner.engines), pairs=self._pairs())

    def _pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset[tuple[str, str]]().union(*(e.pairs for e in self._runner.engines))
