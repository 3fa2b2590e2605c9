"""Speech synthesis as a Serve deployment."""

from collections.abc import AsyncIterator

from ray import serve

from deployments.stage_deployment import StageDeployment
from deployments.tts import engine
from deployments.tts.pcm import SPEECH_RATE, finish
from izwi.pieces import split_for_speech
from izwi.settings import Settings
from izwi.stages import Capabilities, TtsChunk, TtsRequest

WORKERS = 2
"""Calls in parallel: a short English clause must not wait behind a long one that takes a second."""


@serve.deployment(name="tts")
class Tts(StageDeployment[engine.TtsEngine]):
    def __init__(self, settings: Settings) -> None:
        super().__init__("tts", settings, engine.load, WORKERS)

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
        return Capabilities(engines=self._names, languages=self._languages())

    def _pieces(self, text: str, language: str) -> list[str]:
        quick = next(e.quick for e in self._engines if language in e.languages)
        first = self._settings.tts.piece_chars if quick else self._settings.tts.first_piece_chars
        return split_for_speech(text, first, self._settings.tts.piece_chars)

    def _languages(self) -> frozenset[str]:
        return frozenset[str]().union(*(e.languages for e in self._engines))
