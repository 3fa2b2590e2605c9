"""Speech recognition as a Serve deployment."""

from ray import serve

from deployments.asr import engine
from deployments.asr.engine import AsrEngine
from deployments.stage import StageRunner
from izwi import logs
from izwi.errors import UnsupportedLanguage
from izwi.settings import Settings
from izwi.stages import AsrRequest, AsrResult, Capabilities


@serve.deployment(name="asr")
class Asr:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._runner = StageRunner("asr", engine.load(settings), settings.asr.workers)

    async def __call__(self, request: AsrRequest) -> AsrResult:
        languages = self._languages()
        if request.language and request.language not in languages:
            raise UnsupportedLanguage(f"no engine recognises {request.language}; known: {', '.join(sorted(languages))}")

        def supports(engine: AsrEngine) -> bool:
            return request.language is None or request.language in engine.languages

        heard, timing = await self._runner.run(lambda engine: engine.transcribe(request), supports)
        return AsrResult(heard.words, heard.language, heard.language_probability, timing, heard.retries)

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            engines=tuple(engine.name for engine in self._runner.engines), languages=frozenset(self._languages())
        )

    def _languages(self) -> set[str]:
        return {code for engine in self._runner.engines for code in engine.languages}
