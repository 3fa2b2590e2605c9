"""When each word of a clip ends, from a careful offline pass: padded windows, beam search, word alignment."""

import json
from pathlib import Path

from faster_whisper import WhisperModel
from whisper_normalizer.english import EnglishTextNormalizer

from izwi.models import ensure
from loadtests.corpus import Clip
from loadtests.delays import words

WordEnds = list[tuple[str, float]]
"""Words without case and punctuation, and the second in the clip at which each ends."""


def word_ends(clips: list[Clip], cache: Path, model: str = "base") -> dict[str, WordEnds]:
    """Per clip name; computed once and kept in ``cache``."""
    known: dict[str, WordEnds] = json.loads(cache.read_text()) if cache.is_file() else {}
    missing = [clip for clip in clips if clip.name not in known]
    if missing:
        whisper = WhisperModel(str(ensure(f"whisper-{model}", None)), device="cpu", compute_type="int8")
        for clip in missing:
            segments, _ = whisper.transcribe(clip.samples, language="en", beam_size=5, word_timestamps=True)
            known[clip.name] = [
                (bare, round(word.end, 2))
                for segment in segments
                for word in segment.words or ()
                for bare in words(word.word)
            ]
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known))
    return known


def offline_errors(clips: list[Clip], ends: dict[str, WordEnds]) -> float:
    """Word error rate, in percent, of that pass: what streaming is compared with."""
    import jiwer

    normal = EnglishTextNormalizer()
    heard = [normal(" ".join(word for word, _ in ends[clip.name])) for clip in clips]
    return 100 * jiwer.wer([normal(clip.text) for clip in clips], heard)
