"""Speech synthesis as a Serve deployment."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ray import serve

from deployments.stage import StageRunner, revised
from deployments.tts import engine
from deployments.tts.pcm import SPEECH_RATE, finish
from izwi import logs
from izwi.pieces import split_for_speech
from izwi.settings import Settings
from izwi.stages import Capabilities, TtsChunk, TtsRequest

WORKERS = 2
"""Calls in parallel: a short English clause must not wait behind a long one that takes a second."""


@serve.deployment(name="tts")
class Tts:
    def __init__(self, settings: Settings) -> None:
        logs.configure(settings.log_level, settings.debug)
        self._settings = settings
        self._tts = settings.tts
        self._runner = StageRunner("tts", engine.load(settings), WORKERS)

    async def reconfigure(self, changes: dict[str, Any]) -> None:
        """Serve's ``user_config``: other settings of this stage. The new engines are loaded beside the old ones, which
        serve until then."""
        settings = revised(self._settings, "tts", changes)
        self._runner.replace(await asyncio.to_thread(engine.load, settings))
        self._tts = settings.tts

    def check_health(self) -> None:
        self._runner.check()

    async def __call__(self, request: TtsRequest) -> AsyncIterator[TtsChunk]:
        """Speech piece by piece, each as soon as it is ready; no chunk at all where there is nothing to say.

        A failing engine is replaced between pieces: nothing is said twice.
        """
        language = request.language
        engine.check_language(self._languages(), language)
        for piece in self._pieces(request.text, language):

            def call(e: engine.TtsEngine, piece: str = piece) -> tuple[engine.Pcm, int]:
                return e.synthesise(piece, language, request.voice, request.speed)

            (pcm, sample_rate), timing = await self._runner.run(call, lambda e: language in e.languages)
            if (speech := finish(pcm, sample_rate, piece)).size:
                yield TtsChunk(speech, SPEECH_RATE, timing)

    async def capabilities(self) -> Capabilities:
        return Capabilities(engines=tuple(e.name for e in self._runner.engines), languages=self._languages())

    def _pieces(self, text: str, language: str) -> list[str]:
        quick = next(e.quick for e in self._runner.engines if language in e.languages)
        first = self._tts.piece_chars if quick else self._tts.first_piece_chars
        return split_for_speech(text, first, self._tts.piece_chars)

    def _languages(self) -> frozenset[str]:
        return frozenset[str]().union(*(e.languages for e in self._runner.engines))
