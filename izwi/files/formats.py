"""Transcripts of recordings in the formats that clients of OpenAI's and Whisper's HTTP interfaces read. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from izwi.files.segments import Segment
from izwi.languages import LANGUAGES
from izwi.pieces import join_texts
from izwi.stages import Word
from izwi.subtitles import Cue, to_srt, to_vtt


@dataclass(frozen=True)
class Transcript:
    """A whole recording."""

    segments: tuple[Segment, ...]
    language: str
    """ISO 639-1; empty where nothing was said."""
    duration_s: float

    @property
    def text(self) -> str:
        return join_texts(segment.text for segment in self.segments)

    @property
    def words(self) -> list[Word]:
        return [word for segment in self.segments for word in segment.words]


def as_json(transcript: Transcript) -> dict[str, Any]:
    return {"text": transcript.text, "usage": usage(transcript)}


def srt(transcript: Transcript) -> str:
    return to_srt(_cues(transcript))


def vtt(transcript: Transcript) -> str:
    return to_vtt(_cues(transcript))


def tsv(transcript: Transcript) -> str:
    """Whisper's: milliseconds and text."""
    rows = ("start\tend\ttext", *(
        f"{round(one.start_s * 1000)}\t{round(one.end_s * 1000)}\t{one.text}" for one in transcript.segments
    ))  # fmt: skip
    return "\n".join(rows) + "\n"


def usage(transcript: Transcript) -> dict[str, Any]:
    """What OpenAI bills by."""
    return {"type": "duration", "seconds": round(transcript.duration_s)}


def verbose(transcript: Transcript, granularities: Sequence[str], task: str = "transcribe") -> dict[str, Any]:
    """OpenAI's ``verbose_json``, less what is known of whole windows only: tokens, temperature, no_speech_prob.

    Args:
        granularities: ``word``, ``segment`` or both.
    """
    body: dict[str, Any] = {
        "task": task,
        "language": LANGUAGES[transcript.language].name.lower() if transcript.language in LANGUAGES else "",
        "duration": round(transcript.duration_s, 3),
        "text": transcript.text,
        "usage": usage(transcript),
    }
    if "word" in granularities:
        body["words"] = [word_row(word) for word in transcript.words]
    if "segment" in granularities:
        body["segments"] = [segment_row(segment) for segment in transcript.segments]
    return body


def word_row(word: Word) -> dict[str, Any]:
    return {"word": word.text.strip(), "start": round(word.start_s, 3), "end": round(word.end_s, 3)}


def segment_row(segment: Segment) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": segment.number,
        "seek": round(segment.start_s * 100),
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "avg_logprob": round(segment.logprob, 4),
        "compression_ratio": round(segment.compression_ratio, 3),
    }
    if segment.speaker:
        row["speaker"] = segment.speaker
    if segment.llm is not None:
        row["llm"] = {"text": segment.llm.text, "status": segment.llm.llm}
    return row


def _cues(transcript: Transcript) -> list[Cue]:
    return [
        Cue(one.start_s, one.end_s, f"{one.speaker}: {one.text}" if one.speaker else one.text)
        for one in transcript.segments
    ]
