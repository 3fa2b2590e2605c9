"""Spans of the calls that the ingress makes, as children of what they are made for.

Each method takes a call and does what it does: answers, errors and cancellation go through. Requests bring the span's
context to the stage, whose own spans hang from it.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace

from deployments.tracing.spans import Attributes, Span, Spans
from deployments.tracing.work import Work, at_hand, timing_attributes
from izwi.audio import SAMPLE_RATE
from izwi.errors import InternalError, IzwiError
from izwi.stages import (
    AsrRequest,
    AsrResult,
    Corrected,
    LlmRequest,
    MtRequest,
    MtResult,
    SpeakerRequest,
    SpeakerResult,
    TtsChunk,
    TtsRequest,
    VadRequest,
    VadResult,
)

CANCELLED = "cancelled"
"""In the place of a code: nobody waits for the answer any more."""


class StageSpans:
    """One ingress replica's. Work that is not traced has no spans."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    async def vad(self, call: Callable[[VadRequest], Awaitable[VadResult]], request: VadRequest) -> VadResult:
        result = await call(request)
        if work := at_hand():
            work.detected(result.timing, len(request.samples))
        return result

    async def asr(
        self,
        ask: Callable[[Callable[[], AsrRequest], bool], Awaitable[AsrResult]],
        take: Callable[[], AsrRequest],
        urgent: bool,
    ) -> AsrResult:
        """A pass over live speech, from when it was due; ``izwi.turn_s`` is the wait until the request was made."""
        if (work := at_hand()) is None:
            return await ask(take, urgent)
        with self._call("asr", work, {}) as span:
            asked = time.perf_counter()

            def traced() -> AsrRequest:
                request = take()
                span.rename("asr final" if request.final else "asr partial")
                span.note({"izwi.turn_s": time.perf_counter() - asked, **_of_window(request)})
                return replace(request, trace=span.traceparent)

            result = await ask(traced, urgent)
            span.note(_of_words(result))
            return result

    async def asr_for_file(self, call: Callable[[AsrRequest], Awaitable[AsrResult]], request: AsrRequest) -> AsrResult:
        if (work := at_hand()) is None:
            return await call(request)
        with self._call("asr window", work, _of_window(request)) as span:
            result = await call(replace(request, trace=span.traceparent))
            span.note(_of_words(result))
            return result

    async def mt(self, call: Callable[[MtRequest], Awaitable[MtResult]], request: MtRequest) -> MtResult:
        if (work := at_hand()) is None:
            return await call(request)
        told = {"izwi.chars": len(request.text), "izwi.source": request.source, "izwi.target": request.target}
        with self._call("mt", work, told) as span:
            result = await call(replace(request, trace=span.traceparent))
            span.note(timing_attributes(result.timing))
            return result

    async def tts(
        self, call: Callable[[TtsRequest], AsyncGenerator[TtsChunk]], request: TtsRequest
    ) -> AsyncGenerator[TtsChunk]:
        """All pieces of a clause, and the time that the client took to accept them."""
        if (work := at_hand()) is None:
            async with aclosing(call(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        told = {"izwi.chars": len(request.text), "izwi.language": request.language, "izwi.speed": request.speed}
        with self._call("tts", work, told) as span:
            began, pieces, audio_s, queue_s, compute_s = time.perf_counter(), 0, 0.0, 0.0, 0.0
            async with aclosing(call(replace(request, trace=span.traceparent))) as chunks:
                async for chunk in chunks:
                    if not pieces:
                        span.note({"izwi.first_audio_s": time.perf_counter() - began})
                    pieces += 1
                    audio_s += len(chunk.pcm) / chunk.sample_rate
                    queue_s += chunk.timing.queue_s
                    compute_s += chunk.timing.compute_s
                    whole = replace(chunk.timing, queue_s=queue_s, compute_s=compute_s)
                    span.note({**timing_attributes(whole), "izwi.pieces": pieces, "izwi.audio_s": audio_s})
                    yield chunk

    async def speakers(
        self, call: Callable[[SpeakerRequest], Awaitable[SpeakerResult]], request: SpeakerRequest
    ) -> SpeakerResult:
        if (work := at_hand()) is None:
            return await call(request)
        with self._call("speakers", work, {"izwi.windows": len(request.windows)}) as span:
            result = await call(replace(request, trace=span.traceparent))
            span.note(timing_attributes(result.timing))
            return result

    async def llm(self, call: Callable[[LlmRequest], Awaitable[Corrected]], request: LlmRequest) -> Corrected:
        """Another service's: it is told of no trace."""
        if (work := at_hand()) is None:
            return await call(request)
        with self._call("llm", work, {"izwi.chars": len(request.text), "izwi.role": request.role}) as span:
            result = await call(request)
            span.note({"izwi.outcome": result.llm})
            return result

    @contextmanager
    def _call(self, name: str, work: Work, attributes: Attributes) -> Iterator[Span]:
        span = self._spans.begin(name, "client", attributes, work.traceparent)
        error = CANCELLED
        try:
            yield span
            error = ""
        except IzwiError as known:
            error = known.code
            raise
        except Exception:
            error = InternalError.code
            raise
        finally:
            span.end(error)


def _of_window(request: AsrRequest) -> Attributes:
    return {
        "izwi.audio_s": len(request.samples) / SAMPLE_RATE,
        "izwi.final": request.final,
        "izwi.beam": request.beam,
        "izwi.prompt_chars": len(request.prompt),
    }


def _of_words(result: AsrResult) -> Attributes:
    told = {"izwi.retries": result.retries, "izwi.words": len(result.words), "izwi.language": result.language}
    return {**timing_attributes(result.timing), **told}
