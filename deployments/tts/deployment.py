"""Speech synthesis as a Serve deployment."""

from collections.abc import AsyncIterator

from ray import serve

from deployments.stage_deployment import StageDeployment
from deployments.tts import engine
from deployments.tts.pcm import SPEECH_RATE, speak
from izwi.pieces import split_for_speech
from izwi.settings import Settings
from izwi.stages import Capabilities, TtsChunk, TtsRequest, Voice

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
        engine.check_language(self._languages(), request.language)

        def supports(e: engine.TtsEngine) -> bool:
            return request.language in e.languages

        def prefers(e: engine.TtsEngine) -> bool:
            return request.voice in e.voices

        first = min((e for e in self._engines if supports(e)), key=lambda e: not prefers(e))
        for piece in self._pieces(request, quick=first.quick):

            def call(e: engine.TtsEngine, piece: str = piece) -> engine.Pcm:
                return speak(e, piece, request)

            speech, timing = await self._runner.run(call, supports, prefers, [request.trace])
            if speech.size:
                yield TtsChunk(speech, SPEECH_RATE, timing)

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            engines=self._names,
            voices=tuple(Voice(name, e.name, languages) for e in self._engines for name, languages in e.voices.items()),
            languages=self._languages(),
        )

    def _pieces(self, request: TtsRequest, quick: bool) -> list[str]:
        tts = self._settings.tts
        first = tts.piece_chars if quick and not request.early else tts.first_piece_chars
        return split_for_speech(request.text, first, tts.piece_chars)

    def _languages(self) -> frozenset[str]:
        return frozenset[str]().union(*(e.languages for e in self._engines))
