"""``POST /api/v1/transcribe``: a recording with all that Izwi can do about it, in one form."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict, model_validator
from starlette.responses import Response

from deployments.ingress import transcript_answers as answers
from deployments.ingress.listener import Listener
from deployments.ingress.recordings import RecordingFields, meta
from deployments.ingress.services import Services
from deployments.ingress.transcript_responses import json_response, likely_rows
from deployments.ingress.uploads import form_document, uploaded
from izwi.correction_options import Corrections
from izwi.files import formats
from izwi.files.second_look import SecondLook, summary
from izwi.files.segments import Segment, by_speaker
from izwi.keys import Principal, Scope


class Asked(RecordingFields, Corrections):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"file": "talk.mp3", "hotwords": ["Sundar Pichai"], "with_speaker": True}]}
    )

    @model_validator(mode="after")
    def _as_applied(self) -> "Asked":
        if self.target_language is not None and self.llm_role != "translator":
            raise ValueError("target_language is for llm_role=translator")
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
                speakers = await listener.speakers(upload.file, transcript.words, listening.spent)
                segments = by_speaker(transcript.words, speakers)
        if fields.apply_llm:
            look = SecondLook(services.llm.ask_for_file, listening.spent.note)
            asked = [fields.request(one.text, transcript.language, wish.hotwords) for one in segments]
            looked = await look.at(asked)
            segments = [replace(one, llm=llm) for one, llm in zip(segments, looked, strict=True)]
        body: dict[str, Any] = {
            "text": transcript.text,
            "language": transcript.language,
            "duration": round(transcript.duration_s, 3),
            "segments": [_row(segment) for segment in segments],
            **(summary(segments, fields.llm_role) if fields.apply_llm else {}),
        }
        return json_response(body, listening.warning, meta(listening) if fields.debug else None)

    return router


def _row(segment: Segment) -> dict[str, Any]:
    return formats.segment_row(segment) | {"words": likely_rows(segment.words)}
