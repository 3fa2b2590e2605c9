"""How much a recogniser has to hear after a word before it is shown: a session whose passes take no time."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from deployments.asr.faster_whisper import FasterWhisper
from deployments.vad.silero import Silero
from izwi.audio import SAMPLE_RATE
from izwi.capacity.costs import HindsightRow
from izwi.capacity.speech import Clip as Spoken
from izwi.segmenter import FRAME, HYSTERESIS
from izwi.session_settings import SessionSettings
from izwi.stage_settings import VadSettings
from izwi.stages import AsrRequest, VadState
from izwi.transcript import Transcript
from izwi.utterance import Window
from loadtests.corpus import Clip
from loadtests.costs.engines import settings_for
from loadtests.delays import Passage, Shown, delays, words
from loadtests.delays import Spoken as Word
from loadtests.reference import Reference

STEP_S = 0.15
"""Between two passes."""
FIRST_S = 0.5
"""Audio of the first pass."""
QUANTILES = 20
"""Steps of probability."""
SILENCE_S = 0.1
"""Shorter pauses are not noted."""


def measure(
    engine: FasterWhisper, model: str, language: str, clips: Sequence[Clip], references: Mapping[str, Reference]
) -> HindsightRow:
    """Quantiles over all words that are recognised rightly. A word is ready somewhere between two passes: on average
    half a step before it is seen."""
    found: list[float] = []
    for clip in clips:
        reference = references[clip.name]
        views = list(_views(engine, language, clip))
        spoken = [Word(word, end_s) for word, end_s in reference.words]
        settled = list(views[-1].tentative)
        passage = Passage(spoken, reference.onset_s, reference.end_s)
        found += delays([passage], settled, [*views, Shown(views[-1].at, len(settled), ())]).shown
    steps = np.linspace(0, 1, QUANTILES + 1)
    quantiles = np.maximum(0.0, np.quantile(np.asarray(found) - STEP_S / 2, steps))
    return HindsightRow(model=model, language=language, quantiles_s=tuple(round(float(q), 3) for q in quantiles))


def _views(engine: FasterWhisper, language: str, clip: Clip) -> Iterator[Shown]:
    """What is visible after each pass; nothing is settled, so that the last one has all words."""
    transcript = Transcript(SessionSettings())
    start, total = 0, len(clip.samples)
    step = round(STEP_S * SAMPLE_RATE)
    for end in (*range(round(FIRST_S * SAMPLE_RATE), total, step), total):
        samples = clip.samples[start:end]
        final = end == total
        heard = engine.transcribe([AsrRequest(samples, language, final)])[0].words
        update = transcript.update(Window(samples, start, final, False, end, len(samples)), heard, language)
        start = max(start, update.keep_from)
        yield Shown(end / SAMPLE_RATE, 0, words(f"{transcript.committed} {transcript.tentative}"))


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
