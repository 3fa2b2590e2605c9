"""How often a word is given to the wrong speaker, in conversations cut together from recordings of real readers.

python -m loadtests.diarization --corpus FOLDER
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from deployments.speakers.campplus import CamPlusPlus
from izwi import logs
from izwi.audio import SAMPLE_RATE
from izwi.clustering import Vectors
from izwi.diarization import Embed, Tuning, Window, assign, label, windows
from izwi.settings import Settings
from izwi.stages import Embedding, Samples, Word
from loadtests.conversations import BREAK_S, CARDS, NOISE_DB, Mix, Readers, mixed, noisy
from loadtests.corpus import LIBRIVOX
from loadtests.der import Errors, Span, errors, most_right

TUNED_ON = {"LJ": "LJ001-000*.flac", "cards": CARDS, "german": "../de/*.flac"}
"""Voices by their files in the corpus, or folder."""
REPORTED_ON = {"LJ": "LJ001-001*.flac", "austen": LIBRIVOX, "spk1": "spk1*.flac", "jfk": "jfk.flac"}
"""LJ reads other sentences; all other voices were never tuned on."""
COLLAR_S = 0.25
SHOWN = 16
GRID = {
    "alike": (0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
    "min_speaker_s": (1.0, 1.5, 2.5),
    "change": (0.2, 0.5, 1.0),
    "change_in_pause": (0.05, 0.2),
}


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
    readers = Readers(settings, folder)
    model = CamPlusPlus(settings)
    if tune:
        voices = readers.voices(TUNED_ON)
        source = random.Random(seed)
        clean = [mixed(voices, count, turns, source) for count in (1, 2, 3) for _ in range(mixes)]
        heard = [_hear(model, mix) for mix in (*clean, *(noisy(mix, source) for mix in clean))]
        for tuning, wrong, right in _tried(heard)[:SHOWN]:
            typer.echo(f"{wrong:.2%} of speech confused, {right:.0%} of counts right: {tuning}")
        return
    voices = readers.voices(REPORTED_ON)
    typer.echo("| speakers | sound | conversations | DER | of it confused | DER, collar | words right | count right |")
    typer.echo(f"|{'---|' * 8}")
    source = random.Random(seed + 1)
    spent = heard_s = 0.0
    for count in range(1, len(voices) + 1):
        clean = [mixed(voices, count, turns, source) for _ in range(mixes)]
        for sound, some in (("clean", clean), (f"noise at {NOISE_DB:g} dB", [noisy(m, source) for m in clean])):
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


def _embed(model: CamPlusPlus) -> Embed:
    async def embed(some: tuple[Samples, ...]) -> list[Embedding]:
        return model.embed(some)

    return embed


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
