"""Conversations cut together from recordings of real readers, with what was said, when and by whom."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from deployments.asr.faster_whisper import FasterWhisper
from deployments.vad.silero import FRAME, Silero
from izwi.audio import SAMPLE_RATE
from izwi.errors import UnsupportedAudio
from izwi.media import decode_file
from izwi.settings import Settings
from izwi.stages import AsrRequest, Samples, VadState, Word
from loadtests.der import Span

CARDS = Path("/usr/share/pocketsphinx/test/data/cards")
GAPS_S = (0.0, 0.15, 0.4, 0.8)
"""Silence between turns, chosen at random: people do not wait for each other."""
NOISE_DB = 15.0
LONGEST_S = 60.0
BREAK_S = 0.25
"""Pause of a reader at which a turn may end."""


@dataclass(frozen=True)
class Utterance:
    """A stretch of one reader between two pauses; times from its beginning."""

    speaker: str
    samples: Samples
    words: tuple[Word, ...]
    speech: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mix:
    samples: Samples
    words: tuple[Word, ...]
    said_by: tuple[str, ...]
    """Speaker of each word."""
    reference: tuple[Span, ...]


class Readers:
    """Real recordings with words as the recogniser times them, and speech as the detector sees it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._asr, self._vad = FasterWhisper(settings), Silero(settings)
        self._folder = folder

    def voices(self, table: dict[str, str | Path]) -> dict[str, list[Utterance]]:
        found: dict[str, list[Utterance]] = {}
        for speaker, where in table.items():
            paths = sorted(self._folder.glob(where) if isinstance(where, str) else where.glob("*.wav"))
            if not paths:
                raise UnsupportedAudio(f"no recordings of {speaker}: {where}")
            found[speaker] = [utterance for path in paths for utterance in self._utterances(speaker, path)]
        return found

    def _utterances(self, speaker: str, path: Path) -> list[Utterance]:
        samples = np.concatenate(list(decode_file(path, LONGEST_S)))
        language = "de" if speaker == "german" else "en"
        (transcript,) = self._asr.transcribe([AsrRequest(samples, language, final=True)])
        speech = self._speech(samples)
        groups: list[list[Word]] = []
        for word in transcript.words:
            if groups and word.start_s - groups[-1][-1].end_s < BREAK_S:
                groups[-1].append(word)
            else:
                groups.append([word])
        edges = [0.0, *((a[-1].end_s + b[0].start_s) / 2 for a, b in pairwise(groups))]
        edges.append(samples.size / SAMPLE_RATE)
        return [_utterance(speaker, samples, group, speech, edges[n], edges[n + 1]) for n, group in enumerate(groups)]

    def _speech(self, samples: Samples) -> list[tuple[float, float]]:
        whole = np.concatenate([samples, np.zeros(-samples.size % FRAME, np.float32)])
        probabilities, _ = self._vad.detect(whole, VadState())
        found: list[tuple[float, float]] = []
        for number, probability in enumerate(probabilities):
            start, end = number * FRAME / SAMPLE_RATE, (number + 1) * FRAME / SAMPLE_RATE
            if probability < 0.5:
                continue
            if found and start - found[-1][1] < BREAK_S:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found


def _utterance(
    speaker: str,
    samples: Samples,
    words: Sequence[Word],
    speech: Sequence[tuple[float, float]],
    start: float,
    end: float,
) -> Utterance:
    moved = tuple(replace(word, start_s=word.start_s - start, end_s=word.end_s - start) for word in words)
    inside = tuple((max(a, start) - start, min(b, end) - start) for a, b in speech if b > start and a < end)
    return Utterance(speaker, samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)], moved, inside)


def mixed(voices: dict[str, list[Utterance]], count: int, turns: int, source: random.Random) -> Mix:
    """Turns of one to three utterances; nobody follows themselves, and everybody speaks."""
    speakers = source.sample(sorted(voices), count)
    order = list(speakers)
    while len(order) < turns:
        order.append(source.choice([s for s in speakers if s != order[-1]] or speakers))
    parts: list[Samples] = []
    words: list[Word] = []
    said_by: list[str] = []
    reference: list[Span] = []
    now = 0.0
    for speaker in order:
        first = source.randrange(len(voices[speaker]))
        for utterance in voices[speaker][first : first + source.randint(1, 3)]:
            words += (replace(w, start_s=w.start_s + now, end_s=w.end_s + now) for w in utterance.words)
            said_by += [speaker] * len(utterance.words)
            reference += (Span(speaker, a + now, b + now) for a, b in utterance.speech)
            parts.append(_levelled(utterance.samples))
            now += utterance.samples.size / SAMPLE_RATE
        gap = round(source.choice(GAPS_S) * SAMPLE_RATE)
        parts.append(np.zeros(gap, np.float32))
        now += gap / SAMPLE_RATE
    return Mix(np.concatenate(parts), tuple(words), tuple(said_by), tuple(reference))


def _levelled(samples: Samples) -> Samples:
    """As loud as the others: what tells voices apart must not be the recording level."""
    return samples * np.float32(0.05 / max(float(np.sqrt(np.mean(samples**2))), 1e-6))


def noisy(mix: Mix, source: random.Random) -> Mix:
    noise = np.random.default_rng(source.randrange(2**32)).normal(0, 0.05 / 10 ** (NOISE_DB / 20), mix.samples.size)
    return replace(mix, samples=mix.samples + noise.astype(np.float32))
