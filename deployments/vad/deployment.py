"""Voice activity detection as a Serve deployment."""

from ray import serve

from deployments.stage import StageRunner
from deployments.vad import engine
from izwi import logs
from izwi.settings import Settings
from izwi.stages import Capabilities, VadRequest, VadResult


@serve.deployment(name="vad")
class Vad:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._runner = StageRunner("vad", engine.load(settings))

    async def __call__(self, request: VadRequest) -> VadResult:
        (probabilities, state), timing = await self._runner.run(lambda e: e.detect(request.samples, request.state))
        return VadResult(probabilities, state, timing)

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=tuple(e.name for e in self._runner.engines))
