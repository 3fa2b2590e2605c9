"""Many speakers at once on this machine: how late their words are, how right, and what it costs.

python -m loadtests.bench --speakers 1,2,4,8 --seconds 40
"""

import asyncio
import json
import platform
import random
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx
import jiwer
import psutil
import typer
from rich.console import Console
from rich.progress import Progress
from whisper_normalizer.english import EnglishTextNormalizer

from izwi.audio import SAMPLE_RATE
from izwi.messages import SessionStart
from izwi.server_process import running_server
from loadtests import corpus, report
from loadtests.delays import Spoken, delays, erasure
from loadtests.process import Usage, usage
from loadtests.reference import WordEnds, offline_errors, word_ends
from loadtests.speaker import Heard, speak

STAGGER_S = 2.0
"""Speakers begin within this time, so that their passes do not fall together."""


def main(
    speakers: Annotated[str, typer.Option(help="Numbers of speakers, one run each.")] = "1,2,4,8",
    seconds: Annotated[float, typer.Option(help="Speech per speaker and run.")] = 40.0,
    target: Annotated[str | None, typer.Option("--to", help="Translate into this language as well.")] = None,
    folder: Annotated[Path | None, typer.Option("--corpus", help="Folder with manifest.json.")] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    model: Annotated[str, typer.Option(help="Whisper model whose offline pass is the reference.")] = "base",
    out: Annotated[Path, typer.Option(help="Where figures and plots go.")] = Path("out/bench"),
    seed: Annotated[int, typer.Option(help="Who says what.")] = 1,
) -> None:
    """Ramp up speakers and report delays, accuracy and cost per number of speakers."""
    console = Console(stderr=True)
    clips = corpus.load(folder)
    with console.status("careful offline pass over the recordings"):
        ends = word_ends(clips, out / f"words-{model}.json", model)
    counts = [int(part) for part in speakers.split(",")]
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        if url is None:
            status = stack.enter_context(console.status("private server"))
            base = stack.enter_context(running_server(out / "server.log", status.update))
            status.stop()
        else:
            base = url
        progress = stack.enter_context(Progress(console=console))
        task = progress.add_task("speakers", total=len(counts) + 1)
        asyncio.run(_run(base, clips, ends, 1, 8.0, target, seed))  # warm-up, not reported
        for count in counts:
            progress.update(task, advance=1, description=f"{count} speakers")
            rows.append(asyncio.run(_run(base, clips, ends, count, seconds, target, seed)))
            progress.console.print(report.line(rows[-1]), markup=False, highlight=False)
        progress.update(task, advance=1)
    summary = {
        "machine": f"{psutil.cpu_count()} cores, {platform.machine()}, {psutil.virtual_memory().total / 1e9:.0f} GB",
        "model": model,
        "seconds_per_speaker": seconds,
        "seed": seed,
        "offline_wer": round(offline_errors(clips, ends), 2),
        "runs": rows,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    (out / "table.md").write_text(report.table(summary))
    report.plot(summary, out)
    typer.echo(report.table(summary))
    if any(row["late_chunks"] or row["errors"] for row in rows):
        typer.echo("a run had late client chunks or errors: its figures are void", err=True)
        raise typer.Exit(1)


async def _run(
    base: str,
    clips: list[corpus.Clip],
    ends: dict[str, WordEnds],
    count: int,
    seconds: float,
    target: str | None,
    seed: int,
) -> dict[str, Any]:
    scripts = [corpus.script(clips, seconds, seed * 1000 + number) for number in range(count)]
    start = SessionStart(source_language="en", target_language=target)
    source = random.Random(seed)
    before, passes_before = usage(psutil.Process()), await _asr(base)
    clock = asyncio.get_running_loop()
    began = clock.time()

    async def one(placed: list[corpus.Placed]) -> Heard:
        await asyncio.sleep(source.uniform(0, STAGGER_S))
        return await speak(base.replace("http", "ws", 1), start, corpus.render(placed), Heard())

    heard = await asyncio.gather(*(one(placed) for placed in scripts))
    wall, after, passes = clock.time() - began, usage(psutil.Process()), await _asr(base)
    cost = (before, after, passes[0] - passes_before[0], passes[1] - passes_before[1])
    return _figures(scripts, heard, ends, wall, cost)


def _figures(
    scripts: list[list[corpus.Placed]],
    heard: list[Heard],
    ends: dict[str, WordEnds],
    wall: float,
    cost: tuple[Usage, Usage, float, float],
) -> dict[str, Any]:
    normal = EnglishTextNormalizer()
    shown: list[float] = []
    committed: list[float] = []
    for placed, listener in zip(scripts, heard, strict=True):
        spoken = [
            Spoken(word, listener.sent_at(item.start / SAMPLE_RATE + end))
            for item in placed
            for word, end in ends[item.clip.name]
        ]
        found = delays(spoken, listener.settled, listener.views)
        shown += found.shown
        committed += found.committed
    before, after, compute, passes = cost
    audio = sum(len(corpus.render(placed)) for placed in scripts) / SAMPLE_RATE
    references = [normal(" ".join(item.clip.text for item in placed)) for placed in scripts]
    return {
        "speakers": len(scripts),
        "word_shown_s": report.percentiles(shown),
        "word_committed_s": report.percentiles(committed),
        "final_lag_s": report.percentiles([lag for listener in heard for lag in listener.final_lags]),
        "first_audio_s": report.percentiles([delay for listener in heard for delay in listener.first_audio]),
        "wer": round(100 * jiwer.wer(references, [normal(" ".join(listener.settled)) for listener in heard]), 2),
        "erasure": round(sum(erasure(h.texts, len(h.settled)) for h in heard) / len(heard), 3),
        "asr_rtf": round(compute / audio, 3),
        "asr_passes_per_s": round(passes / audio, 2),
        "cpu_cores": round((after.cpu_s - before.cpu_s) / wall, 2),
        "rss_mb": round(after.rss_mb),
        "skipped_speech": sum(listener.skipped for listener in heard),
        "late_chunks": sum(listener.late_chunks for listener in heard),
        "errors": [error for listener in heard for error in listener.errors],
    }


async def _asr(base: str) -> tuple[float, float]:
    """Seconds computed and passes made by recognition so far."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{base}/metrics")).text
    sums = [0.0, 0.0]
    for line in text.splitlines():
        for index, suffix in enumerate(("sum", "count")):
            if line.startswith(f"izwi_stage_compute_seconds_{suffix}{{") and 'stage="asr"' in line:
                sums[index] += float(line.rsplit(" ", 1)[1])
    return sums[0], sums[1]


if __name__ == "__main__":
    typer.run(main)
