"""Who spoke: a speaker label per word, from embeddings of short windows of speech.

Windows are laid over the speech that the words' times tell, embedded as the audio passes, clustered once all are
there, and the most likely sequence of speakers over the words is taken: a change costs something, so that no word
gets a speaker of its own by chance, and less in a pause.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from izwi.audio import SAMPLE_RATE, Samples
from izwi.clustering import Vectors, cluster
from izwi.slicing import Pieces, cut
from izwi.stages import Embedding, Word

WINDOW_S = 1.5
"""Long enough to know a voice by, short enough for one speaker."""
HOP_S = 0.5
MIN_WINDOW_S = 0.3
"""Shorter speech between two pauses is not embedded; it goes with its neighbours."""
PAUSE_S = 0.5
"""Between words from which on a window must not span both."""
ABREAST = 16
"""Windows per call: 1.5 MB, and a message between replicas holds 4."""

Embed = Callable[[tuple[Samples, ...]], Awaitable[Sequence[Embedding]]]
"""One vector of length 1 per window of samples, in order."""


Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tuning:
    """What decides how many speakers are found and where they change. The values are the middle of what did best on
    conversations of three voices, clean and in noise (``python -m loadtests.diarization --tune``)."""

    alike: float = 0.3
    """Mean similarity of their windows from which on two clusters are one speaker."""
    min_speaker_s: float = 1.5
    """A cluster with less speech is nobody: it goes with the speaker that it resembles most."""
    change: float = 0.2
    """What a change of speaker within fluent speech must gain, in similarity times seconds of speech."""
    change_in_pause: float = 0.05
    """The same in a pause of `PAUSE_S` or more."""


@dataclass(frozen=True)
class Window:
    """A stretch of speech, in seconds of the recording."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Turn:
    """Successive words of one speaker: those from ``first`` up to, not including, ``end``."""

    speaker: str
    first: int
    end: int


async def label(words: Sequence[Word], audio: Pieces, embed: Embed, tuning: Tuning | None = None) -> list[str]:
    """Who said each word: ``SPEAKER_00``, ``SPEAKER_01``, … in order of first appearance.

    Reads the audio once and keeps no more of it than `ABREAST` windows, and 0.8 kB per window: 6 MB for an hour.

    Args:
        words: in order, with times in seconds from the beginning of the audio.
        audio: mono float32 at 16 kHz; it may be shorter than the words say.
        embed: the speakers stage; what it raises is passed on.
        tuning: None for the measured values.
    """
    heard: list[Window] = []
    vectors: list[Embedding] = []
    async for some, samples in _batches(windows(words), audio):
        vectors += await embed(samples)
        heard += some
    whole = np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)
    # Clustering an hour takes seconds, in which live sessions must not wait.
    return await asyncio.to_thread(assign, words, heard, whole, tuning or Tuning())


async def _batches(
    laid: Sequence[Window], audio: Pieces
) -> AsyncIterator[tuple[tuple[Window, ...], tuple[Samples, ...]]]:
    """Windows with their samples, `ABREAST` at a time; without those that the audio ends too early for."""
    firsts = [round(window.start_s * SAMPLE_RATE) for window in laid]
    lengths = [round((window.end_s - window.start_s) * SAMPLE_RATE) for window in laid]
    bounds = [(first, first + length) for first, length in zip(firsts, lengths, strict=True)]
    batch: list[tuple[Window, Samples]] = []
    place = 0
    async for samples in cut(audio, bounds):
        if samples.size >= round(MIN_WINDOW_S * SAMPLE_RATE):
            batch.append((laid[place], samples))
        place += 1
        if len(batch) == ABREAST or (batch and place == len(laid)):
            yield tuple(window for window, _ in batch), tuple(samples for _, samples in batch)
            batch.clear()


def windows(words: Sequence[Word]) -> list[Window]:
    """Windows of `WINDOW_S` every `HOP_S` over the speech between pauses, the last one flush with its end; shorter
    speech is one window, and speech shorter than `MIN_WINDOW_S` none."""
    found: list[Window] = []
    for start, end in _stretches(words):
        last = max(start, end - WINDOW_S)
        count = int(np.ceil((last - start) / HOP_S))
        if end - start >= MIN_WINDOW_S:
            starts = [*(start + HOP_S * number for number in range(count)), last]
            found += [Window(begin, min(begin + WINDOW_S, end)) for begin in starts]
    return found


def assign(words: Sequence[Word], heard: Sequence[Window], vectors: Vectors, tuning: Tuning) -> list[str]:
    """Labels of words from the vectors of the windows.

    Args:
        words: in order.
        heard: windows in order.
        vectors: shape (windows, d), each of length 1.
        tuning: see `Tuning`.
    """
    if not words:
        return []
    voices = _voices(heard, vectors, tuning)
    if len(voices) < 2:
        return [speaker_label(0)] * len(words)
    return _named(_best_path(_gains(words, heard, vectors @ voices.T), _costs(words, tuning)))


def turns(labels: Sequence[str]) -> list[Turn]:
    """Successive words of one speaker each."""
    changes = [place for place in range(len(labels)) if place == 0 or labels[place] != labels[place - 1]]
    return [Turn(labels[first], first, end) for first, end in pairwise([*changes, len(labels)])]


def _stretches(words: Sequence[Word]) -> list[tuple[float, float]]:
    """Speech without a pause of `PAUSE_S`. Recognisers' times may overlap a little, or go back."""
    found: list[tuple[float, float]] = []
    for word in words:
        start, end = max(0.0, word.start_s), max(0.0, word.start_s, word.end_s)
        if found and start < found[-1][1] + PAUSE_S:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _voices(heard: Sequence[Window], vectors: Vectors, tuning: Tuning) -> Vectors:
    """The mean direction of each speaker's windows, shape (speakers, d)."""
    numbers = np.array(cluster(vectors, tuning.alike), int)
    ends = [0.0, *(window.end_s for window in heard)]
    new_s = np.array([window.end_s - max(window.start_s, end) for window, end in zip(heard, ends, strict=False)])
    shares = [float(new_s[numbers == number].sum()) for number in range(int(numbers.max(initial=-1)) + 1)]
    kept = [number for number, share in enumerate(shares) if share >= tuning.min_speaker_s]
    means = [vectors[numbers == number].mean(axis=0) for number in kept]
    return np.stack([mean / np.linalg.norm(mean) for mean in means]) if means else vectors[:0]


def _gains(words: Sequence[Word], heard: Sequence[Window], similar: npt.NDArray[np.float32]) -> Scores:
    """How much each word speaks for each speaker, shape (words, speakers): similarity times seconds. What a word sounds
    like is told by the windows around it, the more the nearer its middle is to theirs."""
    middles = np.array([(window.start_s + window.end_s) / 2 for window in heard])
    gains = np.zeros((len(words), similar.shape[1]))
    for place, word in enumerate(words):
        apart = np.abs(middles - (word.start_s + word.end_s) / 2)
        near = apart < WINDOW_S / 2
        if near.any():
            weights = 1 - apart[near] / (WINDOW_S / 2)
            seconds = max(0.1, word.end_s - word.start_s)
            gains[place] = seconds * (weights @ similar[near]) / weights.sum()
    return gains


def _costs(words: Sequence[Word], tuning: Tuning) -> list[float]:
    """Of a change before each word."""
    pauses = [b.start_s - a.end_s for a, b in pairwise(words)]
    return [0.0, *(tuning.change_in_pause if pause >= PAUSE_S else tuning.change for pause in pauses)]


def _best_path(gains: Scores, costs: Sequence[float]) -> list[int]:
    """The sequence of speakers with the largest sum of gains less costs (Viterbi)."""
    best: Scores = gains[0]
    before = np.zeros(gains.shape, np.int64)
    everyone: npt.NDArray[np.int64] = np.arange(gains.shape[1], dtype=np.int64)
    for place in range(1, len(gains)):
        switch = int(np.argmax(best))
        stays: npt.NDArray[np.bool_] = best >= best[switch] - costs[place]
        before[place] = np.where(stays, everyone, switch)
        best = np.where(stays, best, best[switch] - costs[place]) + gains[place]
    path = [int(np.argmax(best))]
    for place in range(len(gains) - 1, 0, -1):
        path.append(int(before[place, path[-1]]))
    return path[::-1]


def _named(path: Sequence[int]) -> list[str]:
    order = {speaker: number for number, speaker in enumerate(dict.fromkeys(path))}
    return [speaker_label(order[speaker]) for speaker in path]


def speaker_label(number: int) -> str:
    """What the speaker is called who is heard after so many others."""
    return f"SPEAKER_{number:02d}"
