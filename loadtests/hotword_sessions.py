"""Names in live sessions: the flow on the real detector and recogniser, in this process, for what commits early.

Time is audio: no chunk is sent while a pass is under way, so that a busy machine hears what a fast one hears.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from deployments.asr.deployment import Asr
from deployments.vad.deployment import Vad
from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.batching import Batcher
from izwi.session import Session
from izwi.settings import Settings
from izwi.stages import AsrRequest, AsrResult, Samples, Stages, VadRequest, VadResult

CHUNK = SAMPLE_RATE // 10
TURNS = 20
"""Turns of the event loop between two chunks, in which the steps of the session do what they would do meanwhile."""


class Rehearsal:
    """Sessions one after the other on one detector and one recogniser."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vad, self._asr = Vad.func_or_class(settings), Asr.func_or_class(settings)
        self._busy = 0
        self._idle = asyncio.Condition()

    async def listen(self, audio: Samples, hotwords: Sequence[str]) -> str:
        """The final transcripts of one session in English."""
        finals: list[str] = []

        async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
            if isinstance(message, m.TranscriptFinalMessage):
                finals.append(message.data.text)

        turns: Batcher[AsrRequest, AsrResult] = Batcher(self._recognise, places=1, size=1)
        stages = Stages(self._detect, turns.ask, _never, _never)  # type: ignore[arg-type]
        start = m.SessionStart(source_language="en", hotwords=tuple(hotwords))
        await Session(start, self._settings, stages, emit).run(self._paced(audio))
        return " ".join(finals)

    async def _paced(self, audio: Samples) -> AsyncIterator[Samples]:
        for begin in range(0, len(audio), CHUNK):
            yield audio[begin : begin + CHUNK]
            for _ in range(TURNS):
                await asyncio.sleep(0)
            async with self._idle:
                await self._idle.wait_for(lambda: not self._busy)

    async def _detect(self, request: VadRequest) -> VadResult:
        (result,) = await self._vad([request])
        return result

    async def _recognise(self, requests: Sequence[AsrRequest], urgent: bool) -> list[AsrResult | Exception]:
        self._busy += 1
        try:
            return await self._asr(list(requests))
        finally:
            async with self._idle:
                self._busy -= 1
                self._idle.notify_all()


_never: Callable[..., Awaitable[None]] = asyncio.sleep
"""Nothing is translated or spoken."""
