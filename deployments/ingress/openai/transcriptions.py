"""``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``, as OpenAI's clients send them."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from deployments.ingress.calls import StageCalls
from deployments.ingress.envelope import OrjsonResponse, error_body
from deployments.ingress.listener import Listener
from deployments.ingress.openai import sse
from deployments.ingress.openai.streaming import Stream
from deployments.ingress.uploads import form_document, uploaded
from izwi.errors import DamagedAudio, IzwiError
from izwi.files import formats
from izwi.files.formats import Transcript
from izwi.files.listening import Listening
from izwi.files.transcribe import Wish
from izwi.languages import language_code
from izwi.model_names import resolve_model
from izwi.settings import Settings
from izwi.stage_settings import VadSettings

Format = Literal["json", "text", "srt", "verbose_json", "vtt"]
Language = Annotated[str, AfterValidator(language_code)]


class ServerVad(BaseModel):
    """When an utterance ends; what is not given is as on live sessions."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["server_vad"]
    threshold: float | None = Field(default=None, gt=0, lt=1)
    prefix_padding_ms: int | None = Field(default=None, ge=0, le=2000)
    silence_duration_ms: int | None = Field(default=None, ge=64, le=10_000)

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


class Recording(BaseModel):
    """Fields that both routes take."""

    model_config = ConfigDict(extra="forbid")
    model: str = "whisper-1"
    prompt: str = Field(default="", max_length=4096)
    """Text before the recording, or words to expect."""
    response_format: Format = "json"
    temperature: Literal["0", "0.0"] = "0"
    """Decoding is greedy; it samples only where that fails."""


class Transcription(Recording):
    language: Language | None = None
    """ISO 639-1 or an English name; detected if not given."""
    timestamp_granularities: list[Literal["word", "segment"]] = ["segment"]
    """Of ``verbose_json``."""
    chunking_strategy: Annotated[ServerVad | None, BeforeValidator(_strategy)] = None
    """Unset or ``auto``: as on live sessions."""
    stream: bool = False


class Translation(Recording):
    language: Language | None = None
    target_language: Language = "en"
    """Beyond what OpenAI has."""


def build_router(listener: Listener, calls: StageCalls, settings: Settings) -> APIRouter:
    """The routes of one replica."""
    router = APIRouter(tags=["audio"])

    @router.post("/v1/audio/transcriptions", openapi_extra=form_document(Transcription))
    async def transcriptions(request: Request) -> Response:
        """Transcribe a recording: any audio or video file that holds its sound itself."""
        async with AsyncExitStack() as stack:
            upload = await stack.enter_async_context(uploaded(request, Transcription))
            fields = upload.fields
            resolve_model(fields.model, "asr", await calls.capabilities())
            vad = fields.chunking_strategy.over(settings.vad) if fields.chunking_strategy else settings.vad
            listening = listener.hear(upload.file, Wish(fields.language, prompt=fields.prompt), vad)
            if fields.stream:
                return Stream(_events(listening, request.scope, stack.pop_all()), sse.MEDIA_TYPE)
            transcript = await listening.finish()
            return written(transcript, fields.response_format, fields.timestamp_granularities, listening.warning)

    @router.post("/v1/audio/translations", openapi_extra=form_document(Translation))
    async def translations(request: Request) -> Response:
        """Translate a recording into English, or into ``target_language``."""
        async with uploaded(request, Translation) as upload:
            fields = upload.fields
            resolve_model(fields.model, "asr", await calls.capabilities())
            wish = Wish(fields.language, prompt=fields.prompt)
            translating = await listener.translate(upload.file, wish, fields.target_language)
            transcript = await translating.finish()
            return written(transcript, fields.response_format, ["segment"], translating.listening.warning, "translate")

    return router


def written(
    transcript: Transcript,
    form: Format,
    granularities: list[Literal["word", "segment"]],
    warning: DamagedAudio | None,
    task: str = "transcribe",
    partial: bool = False,
) -> Response:
    """A transcript as it was asked for. A recording that was not whole, or not heard to its end, is told of in a
    header, and in JSON."""
    headers = {"X-Izwi-Warning": warning.code} if warning else {}
    if partial:
        headers["X-Izwi-Partial"] = "true"
    body: dict[str, Any]
    match form:
        case "text":
            return PlainTextResponse(transcript.text + "\n", headers=headers)
        case "srt":
            return PlainTextResponse(formats.srt(transcript), headers=headers)
        case "vtt":
            return PlainTextResponse(formats.vtt(transcript), headers=headers, media_type="text/vtt")
        case "json":
            body = formats.as_json(transcript)
        case "verbose_json":
            body = formats.verbose(transcript, granularities, task)
    if warning:
        body["warning"] = _told(warning)
    if partial:
        body["partial"] = True
    return OrjsonResponse(body, headers=headers)


async def _events(listening: Listening, scope: Scope, stack: AsyncExitStack) -> AsyncGenerator[bytes]:
    """Each segment as it is heard, then the whole. What fails in between is the last event."""
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
            yield sse.event("error", **error_body(scope, error))
            return
        warning = {"warning": _told(listening.warning)} if listening.warning else {}
        yield sse.event("transcript.text.done", **formats.as_json(listening.transcript), **warning)


def _told(warning: DamagedAudio) -> dict[str, str]:
    return {"code": warning.code, "message": str(warning)}
