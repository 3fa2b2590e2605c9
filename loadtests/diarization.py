"""How often a word is given to the wrong speaker: conversations cut together from recordings of real readers.

python -m loadtests.diarization --corpus FOLDER
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from deployments.asr.faster_whisper import FasterWhisper
from deployments.speakers.campplus import CamPlusPlus
from deployments.vad.silero import FRAME, Silero
from izwi import logs
from izwi.audio import SAMPLE_RATE
from izwi.diarization import Tuning, Window, assign, label, windows
from izwi.errors import UnsupportedAudio
from izwi.media import decode_file
from izwi.settings import Settings
from izwi.stages import AsrRequest, Embedding, Samples, VadState, Word
from izwi.voices import Vectors
from loadtests.der import Errors, Span, errors, most_right

CARDS = Path("/usr/share/pocketsphinx/test/data/cards")
LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
TUNED_ON = {"LJ": "LJ001-000*.flac", "cards": CARDS, "german": "../de/*.flac"}
"""Voices by their files in the corpus, or folder."""
REPORTED_ON = {"LJ": "LJ001-001*.flac", "austen": LIBRIVOX, "spk1": "spk1*.flac", "jfk": "jfk.flac"}
"""LJ reads other sentences; all other voices were never tuned on."""
GAPS_S = (0.0, 0.15, 0.4, 0.8)
"""Silence between turns, chosen at random: people do not wait for each other."""
NOISE_DB = 15.0
LONGEST_S = 60.0
BREAK_S = 0.25
"""Pause of a reader at which a turn may end."""
COLLAR_S = 0.25
GRID = {
    "alike": (0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
    "min_speaker_s": (1.0, 1.5, 2.5),
    "change": (0.2, 0.5, 1.0),
    "change_in_pause": (0.05, 0.2),
}


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


@dataclass(frozen=True)
class Heard:
    """A mix with what the model made of it, so that many tunings can be tried."""

    mix: Mix
    laid: tuple[Window, ...]
    vectors: Vectors


def main(
    folder: Annotated[Path, typer.Option("--corpus", help="Folder en of the recordings, with de beside it.")],
    mixes: Annotated[int, typer.Option(help="Conversations per number of speakers.")] = 10,
    turns: Annotated[int, typer.Option(help="Turns in a conversation.")] = 8,
    seed: Annotated[int, typer.Option(help="How they are cut together.")] = 1,
    tune: Annotated[bool, typer.Option("--tune", help="Only look for better values, on voices of their own.")] = False,
) -> None:
    """Print error rates and how often the number of speakers was right, by number of speakers, clean and in noise.

    Example: python -m loadtests.diarization --corpus ../shared/speech/en --mixes 4
    """
    logs.configure("warning", human=True)
    asyncio.run(_run(folder, mixes, turns, seed, tune))


async def _run(folder: Path, mixes: int, turns: int, seed: int, tune: bool) -> None:
    settings = Settings()
    readers = _Readers(settings, folder)
    model = CamPlusPlus(settings)
    if tune:
        voices = readers.voices(TUNED_ON)
        source = random.Random(seed)
        clean = [_mix(voices, count, turns, source) for count in (1, 2, 3) for _ in range(mixes)]
        heard = [_hear(model, mix) for mix in (*clean, *(_noisy(mix, source) for mix in clean))]
        for tuning, wrong, right in _tried(heard):
            typer.echo(f"{wrong:.2%} of speech confused, {right:.0%} of counts right: {tuning}")
        return
    voices = readers.voices(REPORTED_ON)
    typer.echo("| speakers | sound | conversations | DER | of it confused | DER, collar | words right | count right |")
    typer.echo(f"|{'---|' * 8}")
    source = random.Random(seed + 1)
    spent = heard_s = 0.0
    for count in range(1, len(voices) + 1):
        clean = [_mix(voices, count, turns, source) for _ in range(mixes)]
        for sound, some in (("clean", clean), (f"noise at {NOISE_DB:g} dB", [_noisy(m, source) for m in clean])):
            began = time.perf_counter()
            labels = [await label(mix.words, mix.samples, _embed(model)) for mix in some]
            spent += time.perf_counter() - began
            heard_s += sum(mix.samples.size for mix in some) / SAMPLE_RATE
            typer.echo(_row(count, sound, some, labels))
    typer.echo(f"\n{heard_s:.0f} s of conversation in {spent:.1f} s on one thread, RTF {spent / heard_s:.3f}")


def _row(count: int, sound: str, mixes: Sequence[Mix], labels: Sequence[Sequence[str]]) -> str:
    pairs = list(zip(mixes, labels, strict=True))
    total = _sum([errors(mix.reference, _spans(mix.words, said)) for mix, said in pairs])
    collar = _sum([errors(mix.reference, _spans(mix.words, said), COLLAR_S) for mix, said in pairs])
    words = sum(_agreed(mix, said, [1.0] * len(said)) for mix, said in pairs) / sum(len(said) for said in labels)
    right = sum(len(set(said)) == count for said in labels)
    rates = f"{total.rate:.1%} | {total.confused_s / total.speech_s:.1%} | {collar.rate:.1%} | {words:.1%}"
    return f"| {count} | {sound} | {len(mixes)} | {rates} | {right} of {len(mixes)} |"


def _agreed(mix: Mix, labels: Sequence[str], weights: Sequence[float]) -> float:
    """Weight of the words that were given to the right speaker."""
    shared: dict[tuple[str, str], float] = {}
    for pair, weight in zip(zip(mix.said_by, labels, strict=True), weights, strict=True):
        shared[pair] = shared.get(pair, 0.0) + weight
    return most_right(shared)


def _tried(heard: Sequence[Heard]) -> list[tuple[Tuning, float, float]]:
    """All tunings of the grid with the share of speech confused and that of right numbers of speakers, best first."""
    seconds = [[max(0.0, word.end_s - word.start_s) for word in h.mix.words] for h in heard]
    found: list[tuple[Tuning, float, float]] = []
    for values in product(*GRID.values()):
        tuning = Tuning(**dict(zip(GRID, values, strict=True)))
        labels = [assign(h.mix.words, h.laid, h.vectors, tuning) for h in heard]
        agreed = sum(_agreed(h.mix, said, s) for h, said, s in zip(heard, labels, seconds, strict=True))
        right = sum(len(set(said)) == len(set(h.mix.said_by)) for h, said in zip(heard, labels, strict=True))
        found.append((tuning, 1 - agreed / sum(map(sum, seconds)), right / len(heard)))
    return sorted(found, key=lambda one: (one[1], -one[2]))


def _hear(model: CamPlusPlus, mix: Mix) -> Heard:
    laid = windows(mix.words)
    cuts = [mix.samples[round(w.start_s * SAMPLE_RATE) :][: round((w.end_s - w.start_s) * SAMPLE_RATE)] for w in laid]
    return Heard(mix, tuple(laid), np.stack(model.embed(cuts)))


def _embed(model: CamPlusPlus):
    async def embed(some: tuple[Samples, ...]) -> list[Embedding]:
        return model.embed(some)

    return embed


class _Readers:
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


def _mix(voices: dict[str, list[Utterance]], count: int, turns: int, source: random.Random) -> Mix:
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


def _noisy(mix: Mix, source: random.Random) -> Mix:
    noise = np.random.default_rng(source.randrange(2**32)).normal(0, 0.05 / 10 ** (NOISE_DB / 20), mix.samples.size)
    return replace(mix, samples=mix.samples + noise.astype(np.float32))


def _spans(words: Sequence[Word], labels: Sequence[str]) -> list[Span]:
    """Words of one speaker without a pause between them as one span."""
    found: list[Span] = []
    for word, speaker in zip(words, labels, strict=True):
        if found and found[-1].speaker == speaker and word.start_s - found[-1].end_s < BREAK_S:
            found[-1] = replace(found[-1], end_s=max(found[-1].end_s, word.end_s))
        else:
            found.append(Span(speaker, word.start_s, word.end_s))
    return found


def _sum(some: Sequence[Errors]) -> Errors:
    names = ("speech_s", "missed_s", "false_alarm_s", "confused_s")
    return Errors(*(sum(getattr(one, name) for one in some) for name in names))


if __name__ == "__main__":
    typer.run(main)
