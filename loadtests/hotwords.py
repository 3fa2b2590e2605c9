"""What hotwords gain and cost: rare names with and without them, and errors on ordinary speech meanwhile.

python -m loadtests.hotwords --corpus FOLDER
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated

import numpy as np
import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import track

from deployments.asr.faster_whisper import FasterWhisper
from izwi import logs
from izwi.correction import Corrector, led_by, sounds
from izwi.settings import Settings
from izwi.stage_settings import AsrSettings
from izwi.stages import AsrRequest, Samples, Word
from loadtests import corpus, hotword_speech
from loadtests.hotword_figures import Heard, false_names, recall, wer
from loadtests.hotword_sessions import Rehearsal
from loadtests.hotword_speech import Half

MODEL = "base"
WORDS = TypeAdapter(tuple[Word, ...])
SILENCE = 12_000
"""Samples after a sentence in a session: longer than the endpoint."""

console = Console(stderr=True)

Said = Sequence[tuple[Heard, Samples]]
"""What was said, without a text yet, and how it sounded."""


class Recogniser:
    """Final passes of the project's own engine; what was heard is kept, so that only the correction is done again."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._engine: FasterWhisper | None = None

    def hear(self, samples: Samples, prompt: str) -> tuple[Word, ...]:
        """English words in one utterance."""
        key = hashlib.sha256(samples.tobytes() + prompt.encode() + MODEL.encode()).hexdigest()[:24]
        file = self._out / f"{key}.json"
        if not file.is_file():
            if self._engine is None:
                self._engine = FasterWhisper(Settings(asr=AsrSettings(model=MODEL)))
            (transcript,) = self._engine.transcribe([AsrRequest(samples, "en", final=True, prompt=prompt)])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(WORDS.dump_json(transcript.words))
        return WORDS.validate_json(file.read_bytes())


def main(
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="More ordinary speech: a folder with manifest.json.")
    ] = None,
    half: Annotated[str, typer.Option(help="Half of the names: report, or tune, which the defaults were found on.")] = (
        "report"
    ),
    out: Annotated[Path, typer.Option(help="Where speech and what was heard in it are kept.")] = Path("out/hotwords"),
    sessions: Annotated[int, typer.Option(help="Sentences heard in live sessions instead, at most.")] = 0,
) -> None:
    """Print recall of names and word errors for no hotwords, led recognition, correction and both, and what they cost.

    Example: python -m loadtests.hotwords --half tune
    """
    logs.configure("warning", human=True)
    chosen: Half = "tune" if half == "tune" else "report"
    lines = asyncio.run(_live(chosen, out, sessions)) if sessions else _report(folder, chosen, out)
    typer.echo("\n".join(lines))


def _report(folder: Path | None, half: Half, out: Path) -> Iterator[str]:
    names = [row["name"] for row in hotword_speech.names(half)]
    corrector, recogniser = Corrector(names), Recogniser(out / "heard")
    speech = out / "speech"
    named = [(Heard(c.text, "", c.name), c.samples) for c in _progress(hotword_speech.cases(half, speech), "speech")]
    other: Half = "tune" if half == "report" else "report"
    strange = [(Heard(c.text, ""), c.samples) for c in _progress(hotword_speech.cases(other, speech), "more speech")]
    clips = corpus.load(None) + (corpus.load(folder) if folder is not None else [])
    ordinary = [(Heard(clip.text, ""), clip.samples) for clip in clips]

    def unled(samples: Samples) -> tuple[Word, ...]:
        return recogniser.hear(samples, "")

    def led(samples: Samples) -> tuple[Word, ...]:
        return recogniser.hear(samples, led_by(corrector.likely(unled(samples), "en")))

    def led_by_all(samples: Samples) -> tuple[Word, ...]:
        return recogniser.hear(samples, led_by(names))

    said = f"{len(names)} hotwords, {len(named)} sentences, {len(ordinary)} ordinary clips, Whisper {MODEL} int8"
    yield f"| {said} | names, % | WER of their sentences, % | false names | WER of ordinary clips, % | names in them |"
    yield "|---|---|---|---|---|---|"
    ways = {"no hotwords": unled, "led by all of them": led_by_all, "led by those that are likely": led}
    for title, hear in ways.items():
        for corrects in (False, True):
            name = title if not corrects else f"{title}, corrected" if hear is not unled else "corrected"
            yield _row(name, [named, strange, ordinary], hear, corrector if corrects else Corrector(()), names)
    yield ""
    everybody = Corrector(row["name"] for one in ("tune", "report") for row in hotword_speech.names(one))
    yield from _times([unled(samples) for _, samples in named], everybody)
    yield _held([unled(samples) for _, samples in ordinary], everybody)


async def _live(half: Half, out: Path, count: int) -> list[str]:
    """The same in sessions, where most words are committed before a final pass."""
    rehearsal = Rehearsal(Settings(device="cpu", asr=AsrSettings(model=MODEL)))
    names = [row["name"] for row in hotword_speech.names(half)]
    cases = list(_progress(hotword_speech.cases(half, out / "speech"), "speech"))
    cases = cases[:: max(1, len(cases) // count)][:count]
    lines = [f"| {len(cases)} live sessions, {len(names)} hotwords | names, % | WER, % |", "|---|---|---|"]
    for title, hotwords in (("no hotwords", []), ("hotwords", names)):
        heard = [
            Heard(case.text, await rehearsal.listen(np.pad(case.samples, (0, SILENCE)), hotwords), case.name)
            for case in _progress(cases, title)
        ]
        lines.append(f"| {title} | {recall(heard):.1f} | {wer(heard):.1f} |")
    return lines


def _row(
    title: str,
    sets: Sequence[Said],
    hear: Callable[[Samples], tuple[Word, ...]],
    corrector: Corrector,
    names: Sequence[str],
) -> str:
    def text(samples: Samples) -> str:
        return "".join(word.text for word in corrector.correct(hear(samples), "en")[0]).strip()

    named, strange, ordinary = (
        [Heard(said.said, text(samples), said.name) for said, samples in _progress(one, title)] for one in sets
    )
    figures = (recall(named), wer(named), false_names(strange, names), wer(ordinary), false_names(ordinary, names))
    return f"| {title} | " + " | ".join(f"{x:.1f}" if isinstance(x, float) else str(x) for x in figures) + " |"


def _held(heard: Sequence[tuple[Word, ...]], corrector: Corrector) -> str:
    """How often a session holds words back that begin no hotword."""
    ends = [words[:count] for words in heard for count in range(1, len(words) + 1)]
    held = sum(corrector.begun(words) > 0 for words in ends)
    return (
        f"Of {len(ends)} ordinary words, {100 * held / len(ends):.0f} % sound like the beginning of one of "
        f"{len(corrector.hotwords)} hotwords."
    )


def _times(heard: Sequence[tuple[Word, ...]], corrector: Corrector) -> Iterator[str]:
    """Of words that were not met before, and of those that were."""
    for cache in (sounds.spelling, sounds.sound):
        cache.cache_clear()
    for title in ("first", "again"):
        took: list[float] = []
        for words in heard:
            began = time.perf_counter()
            corrector.correct(words, "en")
            took.append(1000 * (time.perf_counter() - began))
        yield (
            f"Correcting an utterance with {len(corrector.hotwords)} hotwords, {title}: "
            f"median {median(took):.2f} ms, 95th percentile {quantiles(took, n=20)[-1]:.2f} ms."
        )


def _progress(items, title: str):  # type: ignore[no-untyped-def]
    return track(items, title, console=console)


if __name__ == "__main__":
    typer.run(main)
