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


class SecondLook(Answer):
    text: str
    status: str
    """``applied`` where the language model did its work; else why it did not."""


class WholeLook(SecondLook):
    role: Literal["corrector", "translator"]


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
    llm: SecondLook | Absent = None
    """Both where they were asked for."""


class Warned(Answer):
    code: str
    message: str


class Heard(Answer):
    """What all answers in JSON have."""

    text: str
    warning: Warned | Absent = None
    """What is wrong with a recording that was not whole."""
    llm: WholeLook | Absent = None
    """With ``apply_llm``."""
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


class WhisperedSegment(SegmentRow):
    words: list[LikelyWord] | Absent = None
    """With ``word_timestamps``."""


class Whispered(Heard):
    """``output=json``."""

    language: str
    """ISO 639-1; empty where nothing was said."""
    segments: list[WhisperedSegment]


class FullSegment(SegmentRow):
    words: list[LikelyWord]


class AllOfIt(Heard):
    language: str
    """ISO 639-1; empty where nothing was said."""
    duration: float
    """Seconds."""
    segments: list[FullSegment]


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

LIKELY = WORD | {"probability": 0.98}
WHISPERED = {"text": TEXT, "language": "en", "segments": [SEGMENT | {"words": [LIKELY]}]}
ALL_OF_IT = WHISPERED | {"duration": 1.6, "segments": [SEGMENT | {"speaker": "SPEAKER_00", "words": [LIKELY]}]}

FAILURES = document.failures(400, 404, 413, 415)
"""Of routes that take a file."""
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
"""What `openai.transcriptions.written` answers."""
TRANSLATED = TRANSCRIPT | FAILURES
_STREAM = document.text("text/event-stream", stream=EVENTS)
STREAMED = {200: TRANSCRIPT[200] | {"content": TRANSCRIPT[200]["content"] | _STREAM}, **FAILURES}
"""The same where ``stream`` may be asked for."""
IN_ONE_FORM: document.Responses = {200: {"model": AllOfIt, "content": document.json(speakers=ALL_OF_IT)}, **FAILURES}
"""``/api/v1/transcribe``."""
WHISPER: document.Responses = {
    200: {
        "model": Whispered,
        "description": "The transcript, as `output` asks for it",
        "content": {
            **document.json(json=WHISPERED),
            **document.text("text/plain", txt=TEXT + "\n", srt=SRT),
            **document.text("text/vtt", vtt=VTT),
            **document.text("text/tab-separated-values", tsv=f"start\tend\ttext\n120\t1480\t{TEXT}\n"),
        },
    },
    **document.failures(400, 413, 415),
}
"""``/asr``."""
