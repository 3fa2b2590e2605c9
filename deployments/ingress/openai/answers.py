"""Transcripts in answers, as the OpenAPI document tells of them. `izwi.files.formats` writes them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import SkipJsonSchema

from deployments.ingress import document
from izwi.messages import Meta

Absent = SkipJsonSchema[None]
"""A field that is left out, and never null."""


class Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Usage(Answer):
    type: Literal["duration"]
    seconds: int


class WordRow(Answer):
    word: str
    start: float
    """Seconds from the beginning of the recording, as everywhere."""
    end: float


class LikelyWord(WordRow):
    probability: float
    """0 to 1."""


class SegmentRow(Answer):
    id: int
    seek: int
    """Hundredths of a second."""
    start: float
    end: float
    text: str
    avg_logprob: float
    compression_ratio: float
    speaker: str | Absent = None
    """Where it was asked for."""


class Warned(Answer):
    code: str
    message: str


class Heard(Answer):
    """What all answers in JSON have."""

    text: str
    warning: Warned | Absent = None
    """What is wrong with a recording that was not whole."""
    meta: Meta | Absent = None
    """With ``debug``: where the time went, and which hotwords were heard."""


class Transcribed(Heard):
    """``response_format=json``."""

    usage: Usage
    partial: Literal[True] | Absent = None
    """Of a job that is not done."""


class VerboselyTranscribed(Transcribed):
    """``response_format=verbose_json``."""

    task: Literal["transcribe", "translate"]
    language: str
    """Its English name."""
    duration: float
    """Seconds."""
    words: list[WordRow] | Absent = None
    segments: list[SegmentRow] | Absent = None


TEXT = "The house is big."
SRT = f"1\n00:00:00,120 --> 00:00:01,480\n{TEXT}\n"
VTT = f"WEBVTT\n\n00:00:00.120 --> 00:00:01.480\n{TEXT}\n"
SEGMENT: dict[str, Any] = {
    "id": 0,
    "seek": 12,
    "start": 0.12,
    "end": 1.48,
    "text": TEXT,
    "avg_logprob": -0.21,
    "compression_ratio": 0.68,
}
WORD = {"word": "The", "start": 0.12, "end": 0.3}
BRIEF = {"text": TEXT, "usage": {"type": "duration", "seconds": 2}}
VERBOSE = {
    **BRIEF,
    "task": "transcribe",
    "language": "english",
    "duration": 1.6,
    "words": [WORD],
    "segments": [SEGMENT],
}
EVENTS = (
    'data: {"type":"transcript.text.delta","delta":"The house is big."}\n\n'
    'data: {"type":"transcript.text.done","text":"The house is big.","usage":{"type":"duration","seconds":2}}\n\n'
)

TRANSCRIPT: document.Responses = {
    200: {
        "model": Transcribed | VerboselyTranscribed,
        "description": "The transcript, as `response_format` or `format` asks for it",
        "content": {
            **document.json(json=BRIEF, verbose_json=VERBOSE),
            **document.text("text/plain", text=TEXT + "\n", srt=SRT),
            **document.text("text/vtt", vtt=VTT),
        },
    }
}
"""For routes that `written` answers."""
STREAMED: document.Responses = {
    200: TRANSCRIPT[200] | {"content": TRANSCRIPT[200]["content"] | document.text("text/event-stream", stream=EVENTS)}
}
"""The same where ``stream`` may be asked for."""
