"""What a clip says and when, from a careful offline pass: padded windows, beam search, word alignment, offline VAD."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from faster_whisper import WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps

from izwi.audio import SAMPLE_RATE
from izwi.evaluation.text import words
from izwi.models import ensure
from izwi.stages import Samples
from loadtests.corpus import Clip

SILENCE_MS = 100
"""Silence after which speech has ended; with the detector's 2 s, that after the last word would be part of it."""


@dataclass(frozen=True)
class Reference:
    """Times are seconds in the clip."""

    text: str
    """As recognised: the streamed text is compared with what the same model hears with all the time it wants."""
    onset_s: float
    """Where Silero finds the first speech and the end of the last: Whisper's word times are too coarse for that."""
    end_s: float
    words: list[tuple[str, float]]
    """Without case and punctuation, and where each ends."""


def references(clips: Sequence[Clip], language: str, cache: Path, model: str = "base") -> dict[str, Reference]:
    """Per clip name; computed once and kept in ``cache`` under a digest of the audio."""
    known: dict[str, dict[str, object]] = json.loads(cache.read_text()) if cache.is_file() else {}
    missing = [clip for clip in clips if _digest(clip.samples) not in known]
    if missing:
        whisper = WhisperModel(str(ensure(f"whisper-{model}", None)), device="cpu", compute_type="int8")
        for clip in missing:
            known[_digest(clip.samples)] = asdict(_listen(whisper, clip.samples, language))
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known))
    return {clip.name: _reference(known[_digest(clip.samples)]) for clip in clips}


def _listen(whisper: WhisperModel, samples: Samples, language: str) -> Reference:
    segments = list(whisper.transcribe(samples, language=language, beam_size=5, word_timestamps=True)[0])
    heard = [
        (bare, round(word.end, 2)) for segment in segments for word in segment.words or () for bare in words(word.word)
    ]
    speech = get_speech_timestamps(samples, VadOptions(min_silence_duration_ms=SILENCE_MS, speech_pad_ms=0))
    onset, end = (speech[0]["start"], speech[-1]["end"]) if speech else (0, len(samples))
    text = "".join(segment.text for segment in segments).strip()
    return Reference(text, round(onset / SAMPLE_RATE, 3), round(end / SAMPLE_RATE, 3), heard)


def _reference(stored: dict[str, object]) -> Reference:
    fields = {**stored, "words": [(word, end) for word, end in stored["words"]]}  # type: ignore[attr-defined]
    return Reference(**fields)  # type: ignore[arg-type]


def _digest(samples: Samples) -> str:
    return hashlib.blake2b(samples.tobytes(), digest_size=8).hexdigest()
