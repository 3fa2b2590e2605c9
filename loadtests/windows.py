"""What an elastic window costs beside a padded one: the same audio through the same engine, in turns."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from deployments.asr.faster_whisper import FasterWhisper
from izwi.audio import SAMPLE_RATE
from izwi.settings import Settings
from izwi.stages import AsrRequest
from loadtests.corpus import Clip

WINDOW_S = 4.0
"""A partial pass of running speech decodes 2 to 6 s."""
REPEATS = 4


@dataclass(frozen=True)
class Passes:
    """Median seconds of a greedy pass."""

    elastic_s: float
    padded_s: float

    @property
    def ratio(self) -> float:
        return self.elastic_s / self.padded_s


def compare(clips: Sequence[Clip], language: str = "en", repeats: int = REPEATS) -> Passes:
    """Decode the first seconds of each clip with both kinds of window, ``repeats`` times each.

    They take turns, and who is first takes turns too, so that a machine that gets slower or is shared slows both.
    """
    settings = Settings()
    elastic, padded = (
        FasterWhisper(settings.model_copy(update={"asr": settings.asr.model_copy(update={"padded": padded})}))
        for padded in (False, True)
    )
    took: dict[bool, list[float]] = {False: [], True: []}
    for repeat in range(repeats):
        for clip in clips:
            request = AsrRequest(clip.samples[: int(WINDOW_S * SAMPLE_RATE)], language, final=False)
            for which in (repeat % 2 == 0, repeat % 2 == 1):
                began = time.perf_counter()
                (padded if which else elastic).transcribe([request])
                took[which].append(time.perf_counter() - began)
    return Passes(median(took[False]), median(took[True]))
