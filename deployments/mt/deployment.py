"""Text translation as a Serve deployment."""

from ray import serve

from deployments.mt import engine
from deployments.stage_deployment import StageDeployment
from izwi.settings import Settings
from izwi.stages import Capabilities, MtRequest, MtResult

WORKERS = 2
"""Calls in parallel: the two directions of a conversation must not wait for each other."""


@serve.deployment(name="mt")
class Mt(StageDeployment[engine.MtEngine]):
    def __init__(self, settings: Settings) -> None:
        super().__init__("mt", settings, engine.load, WORKERS)

    async def __call__(self, request: MtRequest) -> MtResult:
        engine.check_pair(self._pairs(), request.source, request.target)
        text, timing = await self._runner.run(
            lambda e: e.translate(request),
            lambda e: (request.source, request.target) in e.pairs,
            traces=[request.trace],
        )
        return MtResult(text, timing)

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=self._names, pairs=self._pairs())

    def _pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset[tuple[str, str]]().union(*(e.pairs for e in self._engines))
