"""Speech synthesis as a Serve deployment."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ray import serve

from deployments.stage import StageRunner, revised
from deployments.tts import engine
from deployments.tts.pcm import SPEECH_RATE, speak
from izwi import logs
from izwi.pieces import split_for_speech
from izwi.settings import Settings
from izwi.stages import Capabilities, TtsChunk, TtsRequest, Voice

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
        engine.check_language(self._languages(), request.language)

        def supports(e: engine.TtsEngine) -> bool:
            return request.language in e.languages

        def prefers(e: engine.TtsEngine) -> bool:
            return request.voice in e.voices

        first = min((e for e in self._runner.engines if supports(e)), key=lambda e: not prefers(e))
        for piece in self._pieces(request, quick=first.quick):

            def call(e: engine.TtsEngine, piece: str = piece) -> engine.Pcm:
                return speak(e, piece, request)

            speech, timing = await self._runner.run(call, supports, prefers)
            if speech.size:
                yield TtsChunk(speech, SPEECH_RATE, timing)

    async def capabilities(self) -> Capabilities:
        engines = self._runner.engines
        return Capabilities(
            engines=tuple(e.name for e in engines),
            voices=tuple(Voice(name, e.name, languages) for e in engines for name, languages in e.voices.items()),
            languages=self._languages(),
        )

    def _pieces(self, request: TtsRequest, quick: bool) -> list[str]:
        whole = quick and not request.early
        first = self._tts.piece_chars if whole else self._tts.first_piece_chars
        return split_for_speech(request.text, first, self._tts.piece_chars)

    def _languages(self) -> frozenset[str]:
        return frozenset[str]().union(*(e.languages for e in self._runner.engines))
