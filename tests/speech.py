"""Real recordings with references, wherever this machine has them. Tests skip what is absent."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from faster_whisper.audio import decode_audio


@dataclass(frozen=True)
class Clip:
    path: Path
    text: str


def load(path: Path) -> npt.NDArray[np.float32]:
    """Any audio file as mono float32 at 16 kHz."""
    return decode_audio(str(path), sampling_rate=16_000)


def _librivox() -> list[Clip]:
    """Debian package pocketsphinx-testdata; lines read ``<s> the words </s> (file)``."""
    folder = Path("/usr/share/pocketsphinx/test/data/librivox")
    if not (folder / "transcription").is_file():
        return []
    lines = (line.strip().rpartition(" (") for line in (folder / "transcription").read_text().splitlines())
    return [Clip(folder / f"{name[:-1]}.wav", text[4:-5]) for text, _, name in lines if name]


def _shared() -> list[Clip]:
    folder = SHARED / "en"
    if not (folder / "manifest.json").is_file():
        return []
    return [Clip(folder / row["file"], row["text"]) for row in json.loads((folder / "manifest.json").read_text())]


SHARED = Path(__file__).resolve().parents[2] / "shared" / "speech"
LIBRIVOX = _librivox()
"""Five clips of one reader, 2 to 8 s each."""
ENGLISH = _shared()
"""22 clips of several readers."""
NOISES = sorted((SHARED / "noise").glob("*.flac"))
GERMAN = sorted((SHARED / "de").glob("*.flac"))

needs_librivox = pytest.mark.skipif(not LIBRIVOX, reason="Debian package pocketsphinx-testdata is not installed")
needs_english = pytest.mark.skipif(not ENGLISH, reason="../shared/speech is not there")
needs_noises = pytest.mark.skipif(not NOISES, reason="../shared/speech is not there")
needs_german = pytest.mark.skipif(not GERMAN, reason="../shared/speech is not there")
