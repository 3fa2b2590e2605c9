"""``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``, as OpenAI's clients send them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import from_json
from starlette.responses import Response
from starlette.types import Scope as AsgiScope

from deployments.ingress import transcript_answers as answers
from deployments.ingress.envelope import error_body
from deployments.ingress.listener import Listener
from deployments.ingress.openai import sse
from deployments.ingress.openai.streaming import Stream, begun
from deployments.ingress.recordings import RecordingFields, in_json, meta
from deployments.ingress.services import Services
from deployments.ingress.transcript_responses import json_response, text_response, warned
from deployments.ingress.uploads import form_document, uploaded
from izwi.errors import DamagedAudio, IzwiError
from izwi.fields import Hotwords, Language, PaddingMs, SilenceMs, Threshold
from izwi.files import formats
from izwi.files.formats import Transcript
from izwi.files.listening import Listening
from izwi.keys import Principal, Scope
from izwi.messages import Meta
from izwi.model_names import resolve_model
from izwi.stage_settings import VadSettings

Format = Literal["json", "text", "srt", "verbose_json", "vtt"]


class ServerVad(BaseModel):
    """When an utterance ends; what is not given is as on live sessions."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["server_vad"]
    threshold: Threshold | None = None
    prefix_padding_ms: PaddingMs | None = None
    silence_duration_ms: SilenceMs | None = None

    def over(self, settings: VadSettings) -> VadSettings:
        changes = {
            "threshold": self.threshold,
            "preroll_ms": self.prefix_padding_ms,
            "endpoint_ms": self.silence_duration_ms,
        }
        return settings.model_copy(update={name: value for name, value in changes.items() if value is not None})


def _strategy(value: Any) -> Any:
    """``auto``, which is what happens anyway, or an object, as JSON or as fields of the form."""
    if value == "auto":
        return None
    return from_json(value) if isinstance(value, str) else value


class Recording(RecordingFields):
    """Fields that both routes take."""

    model: str = "whisper-1"
    response_format: Format = "json"
    temperature: Literal["0", "0.0"] = "0"
    """Decoding is a beam search; it samples only where that fails and the operator wants it."""


class Transcription(Recording):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"file": "speech.mp3", "model": "whisper-1", "response_format": "srt"}]}
    )
    keywords: Hotwords = Field(default=[])
    """OpenAI's name for ``hotwords``."""
    timestamp_granularities: list[Literal["word", "segment"]] = Field(default=["segment"])
    """Of ``verbose_json``. Some clients send the default with every format."""
    chunking_strategy: Annotated[ServerVad | None, BeforeValidator(_strategy)] = None
    """Unset or ``auto``: as on live sessions."""
    stream: bool = False

    @field_validator("timestamp_granularities")
    @classmethod
    def _words_have_a_place(cls, granularities: list[str], fields: ValidationInfo) -> list[str]:
        if "word" in granularities and fields.data.get("response_format") != "verbose_json":
            raise ValueError("words with their times are in response_format=verbose_json only")
        return granularities

    @field_validator("stream")
    @classmethod
    def _events_are_json(cls, stream: bool, fields: ValidationInfo) -> bool:
        form = fields.data.get("response_format", "json")
        if stream and form not in ("json", "text"):
            raise ValueError(f"response_format={form} cannot be streamed: leave it out")
        return stream


class Translation(Recording):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"file": "habla.mp3", "model": "whisper-1", "target_language": "en"}]}
    )
    target_language: Language = "en"
    """Beyond what OpenAI has."""


def build_router(listener: Listener, services: Services) -> APIRouter:
    """The routes of one replica."""
    router = APIRouter(tags=["audio"])
    Owner = Annotated[Principal, Depends(services.access.needs(Scope.HTTP))]
    calls, usual = services.calls, services.settings.vad

    @router.post(
        "/v1/audio/transcriptions",
        openapi_extra=form_document(Transcription),
        responses=answers.STREAMED,
    )
    async def transcriptions(request: Request, owner: Owner) -> Response:
        """Transcribe a recording: any audio or video file that holds its sound itself."""
        async with AsyncExitStack() as stack:
            upload = await stack.enter_async_context(uploaded(request, Transcription))
            fields = upload.fields
            resolve_model(fields.model, "asr", await calls.capabilities())
            wish = await fields.wish(owner, services.hotwords, fields.keywords)
            vad = fields.chunking_strategy.over(usual) if fields.chunking_strategy else usual
            listening = listener.hear(upload.file, wish, vad)
            if fields.stream:
                events = _events(listening, fields.debug, request.scope, stack.pop_all())
                return Stream(await begun(events) or events, sse.MEDIA_TYPE)  # there is always a last event
            transcript = await listening.finish()
            granularities = fields.timestamp_granularities
            return written(transcript, fields.response_format, granularities, **_extras(listening, fields))

    @router.post(
        "/v1/audio/translations",
        openapi_extra=form_document(Translation),
        responses=answers.TRANSLATED,
    )
    async def translations(request: Request, owner: Owner) -> Response:
        """Translate a recording into English, or into ``target_language``."""
        async with uploaded(request, Translation) as upload:
            fields = upload.fields
            resolve_model(fields.model, "asr", await calls.capabilities())
            wish = await fields.wish(owner, services.hotwords)
            translating = await listener.translate(upload.file, wish, fields.target_language)
            transcript = await translating.finish()
            extras = _extras(translating.listening, fields)
            return written(transcript, fields.response_format, ["segment"], **extras, task="translate")

    return router


def _extras(listening: Listening, fields: Recording) -> dict[str, Any]:
    return {"warning": listening.warning, "debugged": meta(listening) if fields.debug else None}


def written(
    transcript: Transcript,
    form: Format,
    granularities: list[Literal["word", "segment"]],
    warning: DamagedAudio | None,
    task: str = "transcribe",
    more: Mapping[str, Any] = MappingProxyType({}),
    debugged: Meta | None = None,
) -> Response:
    """A transcript as it was asked for.

    Args:
        warning: what is wrong with a recording that was not whole; told in a header, and in JSON.
        more: further fields of JSON.
        debugged: told in JSON, and in a header of other forms; None where nobody asked.
    """
    match form:
        case "json":
            return json_response({**formats.as_json(transcript), **more}, warning, debugged)
        case "verbose_json":
            return json_response({**formats.verbose(transcript, granularities, task), **more}, warning, debugged)
        case _:
            return text_response(transcript, form, warning, debugged)


async def _events(listening: Listening, debug: bool, scope: AsgiScope, stack: AsyncExitStack) -> AsyncGenerator[bytes]:
    """Each segment as it is heard, then the whole. What fails in between is the last event; what fails before the first
    one is raised."""
    async with stack, aclosing(listening.segments()) as segments:
        text = ""
        try:
            async for segment in segments:
                whole = listening.transcript.text
                yield sse.event("transcript.text.delta", delta=whole[len(text) :])
                row = formats.segment_row(segment) | {"id": f"seg_{segment.number}"}
                yield sse.event("transcript.text.segment", **row)
                text = whole
        except IzwiError as error:
            if not text:
                raise
            yield sse.event("error", **error_body(scope, error))
            return
        done = {**formats.as_json(listening.transcript), **warned(listening.warning)}
        yield sse.event("transcript.text.done", **done, **in_json(meta(listening) if debug else None))
