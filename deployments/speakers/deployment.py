"""Speaker embeddings as a Serve deployment, which has no replica while nobody asks who spoke."""

from ray import serve

from deployments.speakers import engine
from deployments.stage_deployment import StageDeployment
from izwi.settings import Settings
from izwi.stages import Capabilities, SpeakerRequest, SpeakerResult


@serve.deployment(name="speakers")
class Speakers(StageDeployment[engine.SpeakerEngine]):
    def __init__(self, settings: Settings) -> None:
        super().__init__("speakers", settings, engine.load, optional=True)

    async def __call__(self, request: SpeakerRequest) -> SpeakerResult:
        """One vector per window, in order."""
        self._check_engines()
        vectors, timing = await self._runner.run(lambda e: e.embed(request.windows), traces=[request.trace])
        return SpeakerResult(tuple(vectors), timing)

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=self._names)
