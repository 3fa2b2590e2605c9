"""``POST /v1/audio/speech``: a text as speech, streamed while it is still being synthesised."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Scope

from deployments.ingress import document
from deployments.ingress.calls import StageCalls
from deployments.ingress.envelope import error_body
from deployments.ingress.openai import sse
from deployments.ingress.openai.streaming import Stream, begun
from izwi.encoders import MEDIA_TYPES, Encoder, Format, Pcm, encoder
from izwi.errors import IzwiError, NothingToSay, TextTooLong, UnsupportedParameter
from izwi.messages.text import Text
from izwi.model_names import resolve_model
from izwi.pieces import sentences
from izwi.stage_times import StageTimes
from izwi.stages import TtsChunk, TtsRequest
from izwi.voices import Choice, resolve_voice

RATE = 24_000
"""Hz of what the stage returns, and of OpenAI's ``pcm``."""
PART = RATE // 2
"""Samples encoded at once: the first bytes leave before the rest of a piece is encoded, and a reader at the pace of
speech makes progress twice a second."""
TOKENS_PER_S = 20
"""As OpenAI counts the audio that its models make."""
EVENTS = (
    'data: {"type":"speech.audio.delta","audio":"SUQzBAAAAAAAI1RTU0UAAAAPAAAD"}\n\n'
    'data: {"type":"speech.audio.done","usage":'
    '{"input_tokens":17,"output_tokens":27,"total_tokens":44,"seconds":1.36}}\n\n'
)
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Speech, as `response_format` and `stream_format` ask for it",
        "content": document.file(*MEDIA_TYPES.values()) | document.text(sse.MEDIA_TYPE, sse=EVENTS),
    },
    **document.failures(400, 404, 413),
}
"""For the OpenAPI document."""

Synthesise = Callable[[TtsRequest], AsyncGenerator[TtsChunk]]


class Speech(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"model": "tts-1", "voice": "alloy", "input": "The house is big."}]},
    )
    model: Text
    input: Text
    voice: Text | None = None
    """A name that ``GET /v1/audio/voices`` lists, or one of OpenAI's; unset for the language's default voice."""
    response_format: Format = "mp3"
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: Text | None = None
    """Not supported: no engine here can be told how to speak."""
    language: Text | None = None
    """ISO 639-1, ours; unset takes it from the voice if it speaks only one, and else English."""
    debug: bool = False
    """Tell in ``meta`` of the last event where the time went; ``stream_format`` must be ``sse``."""


def build_router(calls: StageCalls, max_text_chars: int) -> APIRouter:
    """The route of one replica."""
    router = APIRouter(tags=["audio"])

    @router.post("/v1/audio/speech", response_class=Stream, status_code=HTTPStatus.OK, responses=ANSWERS)
    async def speech(asked: Speech, request: Request) -> Stream:
        """Speak a text of up to ``IZWI_MAX_TEXT_CHARS`` characters."""
        if len(asked.input) > max_text_chars:
            told = f"the input has {len(asked.input)} characters; {max_text_chars} are accepted"
            raise TextTooLong(told).about("input")
        if asked.instructions:
            raise UnsupportedParameter("instructions are not supported: leave them out").about("instructions")
        if asked.debug and asked.stream_format == "audio":
            told = "debug needs stream_format=sse: where the time went is known when the audio has been sent"
            raise UnsupportedParameter(told).about("debug")
        capabilities = await calls.capabilities()
        engine = resolve_model(asked.model, "tts", capabilities)
        choice = resolve_voice(asked.voice, asked.language, engine, capabilities["tts"].voices)
        spoken = Spoken(calls.tts, asked, choice)
        audio = await begun(spoken.encoded(encoder(asked.response_format, RATE)))
        if audio is None:
            raise NothingToSay("the input has no letter or digit that could be said").about("input")
        if asked.stream_format == "sse":
            return Stream(_events(audio, spoken, request.scope), sse.MEDIA_TYPE)
        return Stream(audio, MEDIA_TYPES[asked.response_format])

    return router


class Spoken:
    """One text on its way to a client."""

    def __init__(self, synthesise: Synthesise, asked: Speech, choice: Choice) -> None:
        self._synthesise = synthesise
        self._asked = asked
        self._choice = choice
        self._samples = 0
        self._spent = StageTimes()

    async def encoded(self, into: Encoder) -> AsyncGenerator[bytes]:
        """The speech in a file format, none of its parts empty; nothing at all where there is nothing to say."""
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                self._samples += len(part)
                if data := await asyncio.to_thread(into.push, part):
                    yield data
        if self._samples and (data := await asyncio.to_thread(into.finish)):
            yield data

    def usage(self) -> dict[str, int | float]:
        """What has been spoken: engines here read characters, which stand for tokens of the input."""
        read, made = len(self._asked.input), round(self._samples / RATE * TOKENS_PER_S)
        seconds = round(self._samples / RATE, 3)
        return {"input_tokens": read, "output_tokens": made, "total_tokens": read + made, "seconds": seconds}

    def meta(self) -> dict[str, Any]:
        """For a client that asked with ``debug``."""
        return {"meta": self._spent.meta(()).model_dump()} if self._asked.debug else {}

    async def _parts(self) -> AsyncGenerator[Pcm]:
        """Sentence by sentence: what a client does not wait for is not synthesised, and a lost replica costs one."""
        for number, sentence in enumerate(sentences(self._asked.input)):
            request = TtsRequest(
                sentence, self._choice.language, self._choice.voice, self._asked.speed, early=number == 0
            )
            async with aclosing(self._synthesise(request)) as chunks:
                async for chunk in chunks:
                    self._spent.note("tts", chunk.timing)
                    for start in range(0, len(chunk.pcm), PART):
                        yield chunk.pcm[start : start + PART]


async def _events(audio: AsyncGenerator[bytes], spoken: Spoken, scope: Scope) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(audio):
            async for data in audio:
                yield sse.event("speech.audio.delta", audio=base64.b64encode(data).decode())
    except IzwiError as error:
        yield sse.event("error", **error_body(scope, error))
        return
    yield sse.event("speech.audio.done", usage=spoken.usage(), **spoken.meta())
