"""``POST /asr`` as clients of whisper-asr-webservice send it: options in the query, the file in ``audio_file``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from starlette.responses import Response

from deployments.ingress import transcript_answers as answers
from deployments.ingress.listener import Listener, Pcm
from deployments.ingress.recordings import meta
from deployments.ingress.transcript_responses import json_response, likely_rows, text_response
from deployments.ingress.uploads import form_document, uploaded
from izwi.errors import DamagedAudio
from izwi.files import formats
from izwi.files.formats import Transcript
from izwi.files.hearing import Wish
from izwi.languages import language_code
from izwi.messages import Meta

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
    """Words with times, in JSON. A translation has none."""
    encode: bool = True
    """False where the file is 16-bit little-endian mono PCM at 16 kHz, without a header."""
    vad_filter: bool = True
    """Without effect, for clients that send it: silence is never transcribed."""
    debug: bool = False
    """Tell where the time went: in ``meta`` of JSON, in the header ``X-Izwi-Meta`` of other outputs."""

    @field_validator("word_timestamps")
    @classmethod
    def _translations_have_no_words(cls, wanted: bool, fields: ValidationInfo) -> bool:
        if wanted and fields.data.get("task") == "translate":
            raise ValueError("a translation has no words with times")
        return wanted


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
            return _written(transcript, asked, listening.warning, meta(listening) if asked.debug else None)

    return router


def _written(transcript: Transcript, asked: Asked, warning: DamagedAudio | None, debugged: Meta | None) -> Response:
    if asked.output != "json":
        return text_response(transcript, "text" if asked.output == "txt" else asked.output, warning, debugged)
    body: dict[str, Any] = {"text": transcript.text, "segments": [], "language": transcript.language}
    for segment in transcript.segments:
        row = formats.segment_row(segment)
        if asked.word_timestamps:
            row["words"] = likely_rows(segment.words)
        body["segments"].append(row)
    return json_response(body, warning, debugged)
