"""``POST /asr`` as clients of whisper-asr-webservice send it: options in the query, the file in ``audio_file``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse, Response

from deployments.ingress import transcript_answers as answers
from deployments.ingress.envelope import OrjsonResponse
from deployments.ingress.listener import Listener, Pcm
from deployments.ingress.recordings import meta
from deployments.ingress.uploads import form_document, uploaded
from izwi.files import formats
from izwi.files.formats import Transcript
from izwi.files.hearing import Wish
from izwi.languages import language_code

Output = Literal["txt", "vtt", "srt", "tsv", "json"]


class NoFields(BaseModel):
    """The form holds the recording alone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"audio_file": "speech.mp3"}]})


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    task: Literal["transcribe", "translate"] = "transcribe"
    language: Annotated[str, AfterValidator(language_code)] | None = None
    """ISO 639-1 or an English name; detected if not given."""
    initial_prompt: str = Field(default="", max_length=4096)
    output: Output = "txt"
    word_timestamps: bool = False
    """Words with times, in JSON."""
    encode: bool = True
    """False where the file is 16-bit little-endian mono PCM at 16 kHz, without a header."""
    vad_filter: bool = True
    """Silence is never transcribed, asked for or not."""
    debug: bool = False
    """Tell in ``meta``, with ``output=json``, where the time went."""


def build_router(listener: Listener) -> APIRouter:
    """The route of one replica."""
    router = APIRouter(tags=["audio"])

    @router.post("/asr", openapi_extra=form_document(NoFields, "audio_file"), responses=answers.WHISPER)
    async def asr(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        """Transcribe a recording, or translate it into English."""
        async with uploaded(request, NoFields, "audio_file") as upload:
            wish = Wish(asked.language, prompt=asked.initial_prompt)
            source = upload.file if asked.encode else Pcm(upload.file)
            if asked.task == "translate":
                translating = await listener.translate(source, wish, "en")
                transcript, listening = await translating.finish(), translating.listening
            else:
                listening = listener.hear(source, wish)
                transcript = await listening.finish()
            return _written(transcript, asked, meta(listening) if asked.debug else {})

    return router


def _written(transcript: Transcript, asked: Asked, more: dict[str, Any]) -> Response:
    match asked.output:
        case "txt":
            return PlainTextResponse(transcript.text + "\n")
        case "srt":
            return PlainTextResponse(formats.srt(transcript))
        case "vtt":
            return PlainTextResponse(formats.vtt(transcript), media_type="text/vtt")
        case "tsv":
            return PlainTextResponse(formats.tsv(transcript), media_type="text/tab-separated-values")
        case "json":
            body: dict[str, Any] = {"text": transcript.text, "segments": [], "language": transcript.language}
            for segment in transcript.segments:
                row = formats.segment_row(segment)
                if asked.word_timestamps and asked.task == "transcribe":
                    row["words"] = [
                        formats.word_row(word) | {"probability": round(word.confidence, 4)} for word in segment.words
                    ]
                body["segments"].append(row)
            return OrjsonResponse(body | more)
