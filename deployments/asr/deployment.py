"""Speech recognition as a Serve deployment."""

import asyncio
from pathlib import PurePath

from ray import serve

from deployments.asr import engine
from deployments.asr.engine import AsrEngine
from deployments.stage_deployment import StageDeployment
from izwi.errors import IzwiError, UnsupportedLanguage
from izwi.settings import Settings
from izwi.stages import AsrRequest, AsrResult, Capabilities


@serve.deployment(name="asr")
class Asr(StageDeployment[AsrEngine]):
    def __init__(self, settings: Settings) -> None:
        super().__init__("asr", settings, engine.load, settings.asr.workers)

    async def __call__(self, requests: list[AsrRequest]) -> list[AsrResult | IzwiError]:
        """Answers in order; an error stands in the place of the answer it prevents, and spoils no other."""
        answers: dict[int, AsrResult | IzwiError] = {}
        groups = _alike(requests)
        for group, found in zip(groups, await asyncio.gather(*(self._recognise(g) for g in groups)), strict=True):
            answers |= zip(map(id, group), found, strict=True)
        return [answers[id(request)] for request in requests]

    async def _recognise(self, requests: list[AsrRequest]) -> list[AsrResult | IzwiError]:
        """One batch: requests in one language, equally careful."""
        language = requests[0].language
        languages = self._languages()
        if language and language not in languages:
            known = ", ".join(sorted(languages))
            return [UnsupportedLanguage(f"no engine recognises {language}; known: {known}") for _ in requests]

        def supports(engine: AsrEngine) -> bool:
            return language is None or language in engine.languages

        return [
            answer
            if isinstance(answer, IzwiError)
            else AsrResult(
                answer[0].words, answer[0].language, answer[0].language_probability, answer[1], answer[0].retries
            )
            for answer in await self._runner.run_batch(
                requests, lambda e, batch: e.transcribe(batch), supports, lambda request: request.trace
            )
        ]

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            engines=self._names,
            models=(model_name(self._settings.asr.model),),
            languages=frozenset(self._languages()),
        )

    def _languages(self) -> set[str]:
        return {code for engine in self._engines for code in engine.languages}


def model_name(model: str) -> str:
    """What clients call a model: ``whisper-base`` where the setting says ``base``; of a path its last part."""
    name = PurePath(model).name if model.startswith(("/", "./", "../", "~")) else model
    return name if "whisper" in name or "/" in name else f"whisper-{name}"


def _alike(requests: list[AsrRequest]) -> list[list[AsrRequest]]:
    """What can be decoded together: the same language, known beforehand, the same task, prompt and care."""
    groups: dict[object, list[AsrRequest]] = {}
    for request in requests:
        alike = (request.language, request.final, request.beam, request.task, request.prompt)
        key = alike if request.language else id(request)
        groups.setdefault(key, []).append(request)
    return list(groups.values())
