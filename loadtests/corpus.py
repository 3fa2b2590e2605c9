"""What the load test's speakers say: real recordings with references, wherever this machine has them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.errors import UnsupportedAudio
from izwi.evaluation import manifest
from izwi.media import decode_file
from izwi.stages import Samples

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
"""Debian package pocketsphinx-testdata."""
PAUSE_S = 0.5
"""Between clips, longer than the endpoint: a speaker who talks all the time still breathes."""


@dataclass(frozen=True)
class Clip:
    name: str
    text: str
    samples: Samples


def speech(language: str, folder: Path | None, out: Path) -> list[Clip]:
    """Clips in ``language``: English ones as `load` finds them, Spanish ones made by a synthesiser and kept in ``out``.

    Raises:
        UnsupportedAudio: there are none.
    """
    match language:
        case "en":
            return load(folder)
        case "es":
            from loadtests import spanish

            return load(spanish.clips(out / "spanish"))
        case _:
            raise UnsupportedAudio(f"no recordings in {language}: there is English and Spanish speech")


def load(folder: Path | None) -> list[Clip]:
    """English clips: a folder with ``manifest.json`` (``[{"file", "text"}]``), or the LibriVox clips.

    Raises:
        BadManifest: the folder has no list of recordings that are there.
        UnsupportedAudio: one is not audio; or no folder is given, and LibriVox is not there.
    """
    if folder is not None:
        return [Clip(item.file, item.text, _samples(item.path)) for item in manifest.read(folder / "manifest.json")]
    if not (LIBRIVOX / "transcription").is_file():
        raise UnsupportedAudio("no recordings: apt-get install pocketsphinx-testdata, or name a folder with --corpus")
    clips = []
    for line in (LIBRIVOX / "transcription").read_text().splitlines():
        text, _, name = line.strip().rpartition(" (")
        if name:
            text = text.removeprefix("<s>").removesuffix("</s>").strip()
            clips.append(Clip(name[:-1], text, _samples(LIBRIVOX / f"{name[:-1]}.wav")))
    return clips


@dataclass(frozen=True)
class Placed:
    """A clip in a speaker's stream; ``start`` is its offset there, in samples."""

    clip: Clip
    start: int


def script(clips: list[Clip], seconds: float, seed: int) -> list[Placed]:
    """What one speaker says: clips in random order, whole ones only, about ``seconds`` in all."""
    shuffled = _endless(clips, random.Random(seed))
    pause = int(PAUSE_S * SAMPLE_RATE)
    placed: list[Placed] = []
    position = pause
    while position < seconds * SAMPLE_RATE:
        clip = next(shuffled)
        placed.append(Placed(clip, position))
        position += len(clip.samples) + pause
    return placed


def render(placed: list[Placed]) -> Samples:
    """The stream as audio, ending with a pause."""
    end = placed[-1].start + len(placed[-1].clip.samples) + int(PAUSE_S * SAMPLE_RATE)
    audio = np.zeros(end, np.float32)
    for item in placed:
        audio[item.start : item.start + len(item.clip.samples)] = item.clip.samples
    return audio


def _endless(clips: list[Clip], source: random.Random) -> Iterator[Clip]:
    while True:
        yield from source.sample(clips, len(clips))


def _samples(path: Path) -> Samples:
    return np.concatenate(list(decode_file(path, 600)))
