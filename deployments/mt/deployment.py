"""Text translation as a Serve deployment."""

from ray import serve

from deployments.mt import engine
from deployments.stage import StageRunner
from izwi import logs
from izwi.settings import Settings
from izwi.stages import Capabilities, MtRequest, MtResult

WORKERS = 2
"""Calls in parallel: the two directions of a conversation must not wait for each other."""


@serve.deployment(name="mt")
class Mt:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._runner = StageRunner("mt", engine.load(settings), WORKERS)
        self._pairs = frozenset[tuple[str, str]]().union(*(e.pairs for e in self._runner.engines))

    async def __call__(self, request: MtRequest) -> MtResult:
        engine.check_pair(self._pairs, request.source, request.target)
        text, timing = await self._runner.run(
            lambda e: e.translate(request), lambda e: (request.source, request.target) in e.pairs
        )
        return MtResult(text, timing)

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=tuple(e.name for e in self._runner.engines), pairs=self._pairs)
