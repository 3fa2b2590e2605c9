"""How much a recogniser has to hear after a word before it is shown, from passes that each stand for themselves."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from deployments.asr.faster_whisper import FasterWhisper
from deployments.vad.silero import Silero
from izwi.audio import SAMPLE_RATE
from izwi.capacity.costs import HindsightRow
from izwi.capacity.speech import Clip as Spoken
from izwi.evaluation.text import words
from izwi.segmenter import FRAME, HYSTERESIS
from izwi.session_settings import SessionSettings
from izwi.stage_settings import VadSettings
from izwi.stages import AsrRequest, VadState
from izwi.transcript import Transcript
from izwi.utterance import Window
from loadtests.corpus import Clip
from loadtests.costs.engines import settings_for
from loadtests.reference import Reference

STEP_S = 0.15
"""Between two passes."""
FIRST_S = 0.5
"""Audio of the first pass."""
QUANTILES = 20
"""Steps of probability."""
LONGEST_S = 2.0
"""What is not shown then counts as shown then: by that time something else decides, as the end of the utterance."""
BIN_S = 0.1
SHORTEST_S = 0.3
"""Of a window's first word there must be this much in it."""
SILENCE_S = 0.1
"""Shorter pauses are not noted."""


def measure(
    engine: FasterWhisper, model: str, language: str, clips: Sequence[Clip], references: Mapping[str, Reference]
) -> HindsightRow:
    """Quantiles over all words that are recognised rightly in the end.

    The share of passes that show a word so long after its end is the probability that so much is enough. It is not
    the first of many passes that shows a word: what one pass shows the next may hide, and a server makes few.
    """
    seen = [one for clip in clips for one in _looks(engine, language, clip, references[clip.name])]
    edges = np.arange(0.0, LONGEST_S + BIN_S, BIN_S)
    places = np.digitize([heard_s for heard_s, _ in seen], edges) - 1
    shown = np.asarray([visible for _, visible in seen], np.float64)
    shares = [shown[places == place].mean() if (places == place).any() else 0.0 for place in range(len(edges) - 1)]
    enough = np.maximum.accumulate(shares)  # hearing more never makes it worse
    middles = (*(edges[:-1] + BIN_S / 2), LONGEST_S)
    places = np.searchsorted(enough, np.linspace(0, 1, QUANTILES + 1))
    quantiles = [0.0, *(float(middles[place]) for place in places[1:])]
    return HindsightRow(model=model, language=language, quantiles_s=tuple(round(value, 3) for value in quantiles))


def _looks(engine: FasterWhisper, language: str, clip: Clip, reference: Reference) -> Iterator[tuple[float, bool]]:
    """For each pass and each word in its window: the audio after the word, and whether the pass shows it."""
    rolling = Transcript(SessionSettings())  # says where windows begin
    start, total, step = 0, len(clip.samples), round(STEP_S * SAMPLE_RATE)
    looks: list[tuple[int, float, bool]] = []
    for end in (*range(round(FIRST_S * SAMPLE_RATE), total, step), total):
        window = Window(clip.samples[start:end], start, False, False, end, end - start)
        heard = engine.transcribe([AsrRequest(window.samples, language, end == total)])[0].words
        alone = Transcript(SessionSettings())
        alone.update(window, heard, language)
        inside = [
            (number, word, end_s)
            for number, (word, end_s) in enumerate(reference.words)
            if start / SAMPLE_RATE + SHORTEST_S <= end_s <= end / SAMPLE_RATE
        ]
        visible = _common([word for _, word, _ in inside], words(f"{alone.committed} {alone.tentative}"))
        looks += [(number, end / SAMPLE_RATE - end_s, place in visible)
                  for place, (number, _, end_s) in enumerate(inside)]  # fmt: skip
        start = max(start, rolling.update(window, heard, language).keep_from)
    right = {number for number, _, shown in looks if shown}
    return ((heard_s, shown) for number, heard_s, shown in looks if number in right and heard_s < LONGEST_S)


def _common(expected: Sequence[str], found: Sequence[str]) -> set[int]:
    """Places in ``expected`` of the words that ``found`` has as well."""
    blocks = Levenshtein.opcodes(expected, found)
    return {place for block in blocks if block.tag == "equal" for place in range(block.src_start, block.src_end)}


def spoken(clips: Sequence[Clip], references: Mapping[str, Reference]) -> tuple[Spoken, ...]:
    """The clips as simulated speakers say them: when words end, and where the detector hears nobody."""
    silero = Silero(settings_for("base"))
    return tuple(_spoken(clip, references[clip.name], silero) for clip in clips)


def _spoken(clip: Clip, reference: Reference, silero: Silero) -> Spoken:
    parts = [(part, bare[0]) for part in reference.text.split() if (bare := words(part))]
    same = [bare for _, bare in parts] == [word for word, _ in reference.words]
    written = [part for part, _ in parts] if same else [word for word, _ in reference.words]
    return Spoken(
        name=clip.name,
        length_s=round(len(clip.samples) / SAMPLE_RATE, 3),
        end_s=reference.end_s,
        words=tuple((text, end_s) for text, (_, end_s) in zip(written, reference.words, strict=True)),
        silences=tuple(_silences(clip, silero)),
    )


def _silences(clip: Clip, silero: Silero) -> Iterator[tuple[float, float]]:
    settings = VadSettings()
    padded = np.pad(clip.samples, (0, -len(clip.samples) % FRAME))
    probabilities, _ = silero.detect(padded, VadState())
    speaking, begin = False, 0
    frame_s = FRAME / SAMPLE_RATE
    for index, probability in enumerate((*probabilities, 1.0)):
        before, speaking = (
            speaking,
            probability >= (settings.threshold - HYSTERESIS if speaking else settings.threshold),
        )
        if before and not speaking:
            begin = index
        if speaking and not before and (index - begin) * frame_s >= SILENCE_S:
            yield round(begin * frame_s, 3), round(index * frame_s, 3)
