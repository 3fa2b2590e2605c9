"""Voice activity detection as a Serve deployment."""

from ray import serve

from deployments.stage_deployment import StageDeployment
from deployments.vad import engine
from izwi.errors import IzwiError
from izwi.settings import Settings
from izwi.stages import Capabilities, VadRequest, VadResult


@serve.deployment(name="vad")
class Vad(StageDeployment[engine.VadEngine]):
    def __init__(self, settings: Settings) -> None:
        super().__init__("vad", settings, engine.load)

    async def __call__(self, requests: list[VadRequest]) -> list[VadResult | IzwiError]:
        """Answers in order; an error stands in the place of the answer it prevents."""
        answers = await self._runner.run_batch(requests, lambda e, batch: [e.detect(r.samples, r.state) for r in batch])
        return [a if isinstance(a, IzwiError) else VadResult(*a[0], a[1]) for a in answers]

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=self._names)
