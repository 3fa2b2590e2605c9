"""Speech recognition as a Serve deployment."""

import asyncio
from pathlib import PurePath
from typing import Any

from ray import serve

from deployments.asr import engine
from deployments.asr.engine import AsrEngine
from deployments.stage import StageRunner, revised
from izwi import logs
from izwi.errors import IzwiError, UnsupportedLanguage
from izwi.settings import Settings
from izwi.stages import AsrRequest, AsrResult, Capabilities


@serve.deployment(name="asr")
class Asr:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._settings = settings
        self._runner = StageRunner("asr", engine.load(settings), settings.asr.workers)
        self._model = settings.asr.model

    async def reconfigure(self, changes: dict[str, Any]) -> None:
        """Serve's ``user_config``: other settings of this stage. The new engines are loaded beside the old ones, which
        serve until then."""
        settings = revised(self._settings, "asr", changes)
        self._runner.replace(await asyncio.to_thread(engine.load, settings))
        self._model = settings.asr.model

    def check_health(self) -> None:
        self._runner.check()

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
            for answer in await self._runner.run_batch(requests, lambda e, batch: e.transcribe(batch), supports)
        ]

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            engines=tuple(engine.name for engine in self._runner.engines),
            models=(model_name(self._model),),
            languages=frozenset(self._languages()),
        )

    def _languages(self) -> set[str]:
        return {code for engine in self._runner.engines for code in engine.languages}


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
