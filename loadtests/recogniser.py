"""What a recognition pass costs, and what keeps short windows sound: the figures behind the defaults of recognition.

python -m loadtests.recogniser --corpus FOLDER
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated

import jiwer
import typer
from rich.console import Console
from rich.progress import track
from whisper_normalizer.english import EnglishTextNormalizer

from deployments.asr import guard
from deployments.asr.faster_whisper import FasterWhisper
from deployments.asr.guard import Decoded, Verdict
from izwi import logs
from izwi.audio import SAMPLE_RATE
from izwi.settings import Settings
from izwi.stage_settings import AsrSettings
from izwi.stages import AsrRequest, Samples
from loadtests import corpus
from loadtests.corpus import Clip

LENGTHS_S = (1.5, 3.0, 6.0)
BATCHES = (1, 2, 4, 8)
MARGINS_S = (0.5, 1.0, 1.5, 2.5, 3.5)
REPEATS = 5

console = Console(stderr=True)


def main(
    folder: Annotated[Path | None, typer.Option("--corpus", help="Folder with manifest.json.")] = None,
    model: Annotated[str, typer.Option(help="Whisper model.")] = "base",
    windows: Annotated[int, typer.Option(help="Windows cut at random for the guard's rejections.")] = 150,
    seed: Annotated[int, typer.Option(help="Where they are cut.")] = 1,
    only_costs: Annotated[bool, typer.Option("--only-costs", help="The first table alone.")] = False,
) -> None:
    """Print three tables: cost by length, batch and threads; errors by margin, guarded or not; rejections by margin.

    Example: python -m loadtests.recogniser --model tiny.en --windows 50

    Example: CT2_FORCE_CPU_ISA=AVX2 python -m loadtests.recogniser --only-costs
    """
    logs.configure("warning", human=True)
    clips = corpus.load(folder)
    tables = [_costs(clips, model)]
    if not only_costs:
        tables += [_errors(clips, model), _rejections(clips, model, windows, random.Random(seed))]
    for table in tables:
        typer.echo("\n".join(table) + "\n")


def _engine(model: str, **changes: object) -> FasterWhisper:
    return FasterWhisper(Settings(asr=AsrSettings(model=model, **changes)))  # type: ignore[arg-type]


def _costs(clips: Sequence[Clip], model: str) -> Iterator[str]:
    """Medians of greedy passes; the settings take turns, so that a machine that gets slower slows all of them."""
    one, two = _engine(model), _engine(model, threads=2)
    careful, padded = _engine(model), _engine(model, padded=True)
    tries: dict[str, Callable[[Sequence[Samples]], object]] = {
        **{f"batch {size}": lambda w: one.transcribe(_requests(w)) for size in BATCHES},
        "beam 5, batch 4": lambda w: careful.transcribe(_requests(w, final=True)),
        "2 threads": lambda w: two.transcribe(_requests(w)),
        "padded": lambda w: padded.transcribe(_requests(w)),
    }
    sizes = {name: int(name.rsplit(" ", 1)[1]) if "batch" in name else 1 for name in tries}
    yield f"| window, ms per window ({model}, one thread, {os.cpu_count()} cores) | {' | '.join(tries)} |"
    yield f"|{'---|' * (len(tries) + 1)}"
    for seconds in LENGTHS_S:
        cut = [clip.samples[8000 : 8000 + int(seconds * SAMPLE_RATE)] for clip in clips]
        cut = [window for window in cut if len(window) == int(seconds * SAMPLE_RATE)][:8]
        took: dict[str, list[float]] = {name: [] for name in tries}
        for _ in track(range(REPEATS), f"windows of {seconds:g} s", console=console):
            for name, call in tries.items():
                for begin in range(0, len(cut), sizes[name]):
                    batch = cut[begin : begin + sizes[name]]
                    began = time.perf_counter()
                    call(batch)
                    took[name].append((time.perf_counter() - began) / len(batch))
        yield f"| {seconds:g} s | {' | '.join(f'{1000 * median(values):.0f}' for values in took.values())} |"


def _errors(clips: Sequence[Clip], model: str) -> Iterator[str]:
    yield f"| silence after the window ({model}, whole clips, greedy) | WER, % | WER without the guard, % |"
    yield "|---|---|---|"
    engines = {f"{margin:g} s": _engine(model, margin_s=margin) for margin in MARGINS_S}
    for name, engine in track({**engines, "padded": _engine(model, padded=True)}.items(), "margins", console=console):
        guarded = _wer(engine, clips)
        with _trusting():
            yield f"| {name} | {guarded:.1f} | {_wer(engine, clips):.1f} |"


def _rejections(clips: Sequence[Clip], model: str, count: int, source: random.Random) -> Iterator[str]:
    cut = [_window(clips, source) for _ in range(count)]
    yield f"| silence after the window ({model}, {count} windows of 0.5 to 6 s) | repeats itself | is improbable |"
    yield "|---|---|---|"
    for margin in (*MARGINS_S, 8.0):
        engine = _engine(model, margin_s=margin, retry_margin_s=30)
        with _watching() as verdicts:
            for window in track(cut, "guard", console=console):
                engine.transcribe(_requests([window]))
        repeats = sum(verdicts[verdict] for verdict in (Verdict.LOOP, Verdict.REPEAT, Verdict.CAPPED))
        yield f"| {margin:g} s | {repeats} | {verdicts[Verdict.UNSURE]} |"


def _requests(windows: Sequence[Samples], final: bool = False) -> list[AsrRequest]:
    return [AsrRequest(window, "en", final) for window in windows]


def _window(clips: Sequence[Clip], source: random.Random) -> Samples:
    clip = source.choice(clips)
    length = int(source.uniform(0.5, 6.0) * SAMPLE_RATE)
    begin = source.randrange(max(1, len(clip.samples) - length))
    return clip.samples[begin : begin + length]


def _wer(engine: FasterWhisper, clips: Sequence[Clip]) -> float:
    normal = EnglishTextNormalizer()
    heard = [engine.transcribe([AsrRequest(clip.samples, "en", False)])[0].words for clip in clips]
    texts = [normal("".join(word.text for word in words)) for words in heard]
    return 100 * jiwer.wer([normal(clip.text) for clip in clips], texts)


@contextmanager
def _trusting() -> Generator[None]:
    """Believe every window."""

    def judge(decoded: Decoded) -> Verdict:
        return Verdict.SILENCE if guard.is_silence(decoded) else Verdict.GOOD

    before = guard.judge, guard.cut_loops
    guard.judge, guard.cut_loops = judge, tuple
    try:
        yield
    finally:
        guard.judge, guard.cut_loops = before


@contextmanager
def _watching() -> Generator[Counter[Verdict]]:
    """Count what is thought of windows before they are filled up."""
    verdicts: Counter[Verdict] = Counter()
    before = guard.judge

    def judge(decoded: Decoded) -> Verdict:
        verdict = before(decoded)
        if not decoded.padded:
            verdicts[verdict] += 1
        return verdict

    guard.judge = judge
    try:
        yield verdicts
    finally:
        guard.judge = before


if __name__ == "__main__":
    typer.run(main)
