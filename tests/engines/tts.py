"""What tests of speech synthesis share: what is said, by whom it can be said here, and whether it can be understood."""

import re

import numpy as np
import pytest
import soxr
from faster_whisper import WhisperModel

from deployments.tts.engine import Pcm
from izwi import catalog

ENGLISH = "Although the children were tired, they walked to the big house on the hill."
SPANISH = "Aunque los niños estaban cansados, caminaron hasta la casa grande de la colina."
FRENCH = "Les enfants sont fatigués, mais ils marchent vers la grande maison."

usable, _ = catalog.pick("tts", ["piper", "kokoro", "espeak"])
needs = {
    name: pytest.mark.skipif(name not in usable, reason=f"{name} is not installed")
    for name in ("piper", "kokoro", "espeak")
}
needs_all = pytest.mark.skipif(len(usable) < 3, reason=f"only {usable} installed")


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def recognised(whisper: WhisperModel, pcm: Pcm, sample_rate: int, language: str, text: str) -> float:
    """Share of the words of a text that a recogniser hears in its speech."""
    samples = soxr.resample(pcm.astype(np.float32) / 32768, sample_rate, 16_000)
    segments, _ = whisper.transcribe(samples, language=language)
    return len(_words(text) & _words(" ".join(s.text for s in segments))) / len(_words(text))
