"""What simulated speakers say: real recordings, of which only the times of words and pauses are kept."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from pydantic import Field

from izwi.audio import SAMPLE_RATE
from izwi.capacity.costs import SPEECH, Row
from izwi.stages import Samples

CHUNK = SAMPLE_RATE // 10
"""Samples that clients send at once."""
PAUSE_S = 0.5
"""Silence after a clip of somebody who talks all the time."""
LOUD, QUIET = 2.0**-3, 2.0**-10
"""Least peaks of speech and of a quiet room, powers of two: see `audible`."""
POSITIONS = 2**23
"""Samples, almost nine minutes, after which positions in simulated audio begin again."""


class Clip(Row):
    """A passage without its sound. Seconds from its beginning."""

    name: str
    length_s: float = Field(gt=0)
    end_s: float = Field(gt=0)
    """Of its last speech."""
    words: tuple[tuple[str, float], ...] = Field(min_length=1)
    """As written, and when each ends."""
    silences: tuple[tuple[float, float], ...]
    """Where the detector hears none, from the start of each to its end."""


class Speech(Row):
    run: str
    """See `izwi.capacity.costs.Machine.run`."""
    language: str
    clips: tuple[Clip, ...] = Field(min_length=1)


def shipped() -> Speech:
    return Speech.model_validate(json.loads(files("izwi.capacity").joinpath(SPEECH).read_text("utf-8")))


@dataclass(frozen=True)
class Placed:
    clip: Clip
    start_s: float


def script(clips: Sequence[Clip], seconds: float, seed: int, pause_s: float = PAUSE_S) -> list[Placed]:
    """Whole clips in random order, about ``seconds`` in all, the silence between them included.

    With the clips and seeds of the bench (`loadtests.corpus.script`) it is what was said there.
    """
    shuffled = _endless(clips, random.Random(seed))
    placed: list[Placed] = []
    position = pause_s
    while position < seconds:
        clip = next(shuffled)
        placed.append(Placed(clip, position))
        position += clip.length_s + pause_s
    return placed


def pause_for(clips: Sequence[Clip], duty: float) -> float:
    """Silence after each clip that makes speakers talk ``duty`` of the time; never less than `PAUSE_S`."""
    talk_s = sum(clip.length_s for clip in clips) / len(clips)
    return max(PAUSE_S, talk_s / duty - talk_s)


def audible(placed: Sequence[Placed], seconds: float) -> Samples:
    """The stream, shape (n,): loud where there is speech.

    Every sample bears its own position, in its mantissa, so that a stage which is handed some of them knows what it
    hears (`position`).
    """
    count = round(seconds * SAMPLE_RATE)
    floor = np.full(count, QUIET, np.float32)
    for one in placed:
        begin = round(one.start_s * SAMPLE_RATE)
        floor[begin : begin + round(one.clip.length_s * SAMPLE_RATE)] = LOUD
        for start_s, end_s in one.clip.silences:
            floor[begin + round(start_s * SAMPLE_RATE) : begin + round(end_s * SAMPLE_RATE)] = QUIET
    mantissa: npt.NDArray[np.float32] = (1 + np.arange(count) % POSITIONS / POSITIONS).astype(np.float32)
    return floor * mantissa


def position(sample: float) -> int:
    """Where a sample of `audible` stands, modulo `POSITIONS`."""
    mantissa, _ = np.frexp(sample)
    return round((2 * float(mantissa) - 1) * POSITIONS)


def _endless(clips: Sequence[Clip], source: random.Random) -> Iterator[Clip]:
    while True:
        yield from source.sample(list(clips), len(clips))
