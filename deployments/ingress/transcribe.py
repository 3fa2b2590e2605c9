"""``POST /api/v1/transcribe``: a recording with all that Izwi can do about it, in one form."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict, model_validator
from starlette.responses import Response

from deployments.ingress import transcript_answers as answers
from deployments.ingress.envelope import OrjsonResponse
from deployments.ingress.listener import Listener
from deployments.ingress.openai.transcriptions import warned
from deployments.ingress.recordings import RecordingFields, meta
from deployments.ingress.services import Services
from deployments.ingress.uploads import form_document, uploaded
from izwi.fields import Language
from izwi.files import formats
from izwi.files.segments import Segment, by_speaker
from izwi.keys import Principal, Scope
from izwi.pieces import join_texts
from izwi.stages import Corrected, LlmRequest


class Asked(RecordingFields):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"file": "talk.mp3", "hotwords": ["Sundar Pichai"], "with_speaker": True}]}
    )
    apply_hotword: bool = True
    """False leaves hotwords out of it, so that a client need not change the rest of its request."""
    apply_llm: bool = False
    """Let the language model go over each segment, where ``IZWI_LLM__BASE_URL`` names one."""
    llm_role: Literal["corrector", "translator"] = "corrector"
    target_language: Language | None = None
    """What the translator is to write."""
    with_speaker: bool = False
    """Say who spoke: ``SPEAKER_00``, ``SPEAKER_01`` and so on, in order of appearance."""

    @model_validator(mode="after")
    def _translator_needs_a_target(self) -> "Asked":
        if self.apply_llm and self.llm_role == "translator" and self.target_language is None:
            raise ValueError("llm_role=translator needs a target_language")
        if not self.apply_hotword:
            self.hotwords, self.hotword_lists = [], []
        return self


def build_router(listener: Listener, services: Services) -> APIRouter:
    """The route of one replica."""
    router = APIRouter(tags=["audio"])
    Owner = Annotated[Principal, Depends(services.access.needs(Scope.HTTP))]

    @router.post("/api/v1/transcribe", openapi_extra=form_document(Asked), responses=answers.IN_ONE_FORM)
    async def transcribe(request: Request, owner: Owner) -> Response:
        """Transcribe a recording, with hotwords, speakers and a language model's second look."""
        async with uploaded(request, Asked) as upload:
            fields = upload.fields
            wish = await fields.wish(owner, services.hotwords)
            listening = listener.hear(upload.file, wish)
            transcript = await listening.finish()
            segments: Sequence[Segment] = transcript.segments
            if fields.with_speaker:
                speakers = await listener.speakers(upload.file, transcript.words)
                segments = by_speaker(transcript.words, speakers)
        rows = [_row(segment) for segment in segments]
        body: dict[str, Any] = {
            "text": transcript.text,
            "language": transcript.language,
            "duration": round(transcript.duration_s, 3),
            "segments": rows,
            **warned(listening.warning),
        }
        if fields.apply_llm:
            looked = await asyncio.gather(
                *(services.llm.ask(_request(fields, wish.hotwords, transcript.language, one)) for one in segments)
            )
            body |= _second_look(looked, fields.llm_role)
            for row, one in zip(rows, looked, strict=True):
                row["llm"] = {"text": one.text, "status": one.llm}
        return OrjsonResponse(body | (meta(listening) if fields.debug else {}))

    return router


def _row(segment: Segment) -> dict[str, Any]:
    words = [formats.word_row(word) | {"probability": round(word.confidence, 4)} for word in segment.words]
    return formats.segment_row(segment) | {"words": words}


def _request(fields: Asked, hotwords: tuple[str, ...], language: str, segment: Segment) -> LlmRequest:
    return LlmRequest(segment.text, fields.llm_role, language, fields.target_language or "", hotwords)


def _second_look(looked: Sequence[Corrected], role: str) -> dict[str, Any]:
    """All segments together. What is not ``applied`` everywhere is marked by what went wrong first."""
    status = next((one.llm for one in looked if one.llm != "applied"), "applied" if looked else "off")
    return {"llm": {"role": role, "status": status, "text": join_texts(one.text for one in looked)}}
