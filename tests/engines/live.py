"""Sessions on the real detector and recogniser, in this process, with a speaker who waits for the recogniser.

Time is audio, so that a session on a slow or busy machine does exactly what it does on a fast one: no chunk is sent
while a pass is under way.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from deployments.asr.deployment import Asr
from deployments.vad.deployment import Vad
from deployments.vad.silero import FRAME, Silero
from izwi import models
from izwi.batching import Batcher
from izwi.session_settings import SessionSettings
from izwi.settings import Settings
from izwi.stage_settings import AsrSettings
from izwi.stages import AsrRequest, AsrResult, Samples, Stages, VadRequest, VadResult, VadState
from tests.unit.scripted import Run, Script, run

RATE = 16_000
MODEL = "base"


@dataclass
class Engines:
    """The stages of sessions that share one detector and one recogniser; the others are scripted."""

    model: str = MODEL
    asked: list[AsrRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        asset = f"whisper-{self.model}"
        if not models.installed(asset):
            pytest.skip(models.ASSETS[asset].fix)
        settings = Settings(_env_file=None, device="cpu", asr=AsrSettings(model=self.model))  # type: ignore[call-arg]
        self._asr = Asr.func_or_class(settings)
        self._vad = Vad.func_or_class(settings)
        self._busy = 0
        self._idle = asyncio.Condition()
        self._turns: Batcher[AsrRequest, AsrResult] = Batcher(self._recognise, places=2, size=4)

    def stages(self) -> Stages:
        scripted = Script().stages()
        return Stages(self._detect, self._turns.ask, scripted.mt, scripted.tts)

    async def idle(self) -> None:
        """Wait until no pass is under way."""
        async with self._idle:
            await self._idle.wait_for(lambda: not self._busy)

    async def _detect(self, request: VadRequest) -> VadResult:
        (result,) = await self._vad([request])
        return result

    async def _recognise(self, requests: Sequence[AsrRequest], urgent: bool) -> list[AsrResult | Exception]:
        self._busy += 1
        self.asked += requests
        try:
            return await self._asr(list(requests))
        finally:
            async with self._idle:
                self._busy -= 1
                self._idle.notify_all()


async def listen(
    engines: Engines, audio: Samples, source_language: str = "en", prompt: str = "", **limits: object
) -> Run:
    """One session over ``audio``."""
    settings = Settings(_env_file=None, session=SessionSettings(**limits))  # type: ignore[arg-type,call-arg]
    engines.asked.clear()
    options = {"source_language": source_language, "target_language": None, "prompt": prompt}
    return await run(audio, engines, settings=settings, pace=engines.idle, **options)  # type: ignore[arg-type]


def without_pauses(audio: Samples) -> Samples:
    """Speech with at most six silent frames (192 ms) in a row: the four before a word, where the detector is late for
    its first consonant, and the two after one."""
    audio = audio[: audio.size // FRAME * FRAME]
    probabilities, _ = Silero(Settings()).detect(audio, VadState())
    spoken = np.convolve(np.array(probabilities) > 0.5, np.ones(7))[4:-2] > 0
    return audio.reshape(-1, FRAME)[spoken].ravel()
