"""Calls of the stages and of the language model, with a span each where they are made for something that is traced."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial
from typing import Any

from deployments.ingress.calls import StageCalls
from deployments.llm.client import LlmClient
from deployments.tracing.spans import Spans
from deployments.tracing.stage_spans import StageSpans
from izwi.files.hearing import Ears
from izwi.stages import (
    Corrected,
    LlmRequest,
    MtRequest,
    MtResult,
    SpeakerRequest,
    SpeakerResult,
    Stages,
    TtsChunk,
    TtsRequest,
)


class TracedCalls(StageCalls):
    """As `StageCalls`, whose arguments follow ``spans``."""

    def __init__(self, spans: Spans, *args: Any) -> None:
        super().__init__(*args)
        self._traced = StageSpans(spans)

    def stages(self) -> Stages:
        plain = super().stages()
        return replace(plain, vad=partial(self._traced.vad, plain.vad), asr=partial(self._traced.asr, plain.asr))

    def ears(self) -> Ears:
        plain = super().ears()
        return Ears(partial(self._traced.vad, plain.vad), partial(self._traced.asr_for_file, plain.asr))

    async def mt(self, request: MtRequest) -> MtResult:
        return await self._traced.mt(super().mt, request)

    def tts(self, request: TtsRequest) -> AsyncGenerator[TtsChunk]:
        return self._traced.tts(super().tts, request)

    async def speakers(self, request: SpeakerRequest) -> SpeakerResult:
        return await self._traced.speakers(super().speakers, request)


class TracedLlm(LlmClient):
    """As `LlmClient`, whose arguments follow ``spans``."""

    def __init__(self, spans: Spans, *args: Any) -> None:
        super().__init__(*args)
        self._traced = StageSpans(spans)

    async def ask(self, asked: LlmRequest) -> Corrected:
        return await self._traced.llm(super().ask, asked)

    async def ask_for_file(self, asked: LlmRequest) -> Corrected:
        return await self._traced.llm(super().ask_for_file, asked)
