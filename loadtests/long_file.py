"""How fast a long recording is heard: as a job, against plain faster-whisper on the same file; and in how much memory.

python -m loadtests.long_file --corpus ../shared/speech/en
python -m loadtests.long_file --hours 1
"""

import json
import os
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Annotated

import jiwer
import typer
from rich.console import Console

from izwi.audio import SAMPLE_RATE, to_pcm16
from izwi.errors import InternalError, IzwiError
from izwi.evaluation.text import words
from izwi.jobs.client import JobClient
from loadtests import corpus
from loadtests.job_memory import Memory, failures, told
from loadtests.outcome import conclude
from loadtests.server import Server, serving

OUT = Path("out/long-file")
MINUTES = 10.0
GOAL = 1.5
"""Times as fast as plain faster-whisper, at no higher word error rate."""

console = Console(stderr=True)


@dataclass(frozen=True)
class Run:
    seconds: float
    text: str


def recording(clips: list[corpus.Clip], seconds: float, path: Path) -> tuple[float, str]:
    """Write real speech of about that length; returns its seconds and what is said."""
    placed = corpus.script(clips, seconds, 1)
    audio = corpus.render(placed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(to_pcm16(audio))
    return len(audio) / SAMPLE_RATE, " ".join(one.clip.text for one in placed)


def plain(file: Path) -> Run:
    """faster-whisper alone, in a process of its own. Its model is loaded before the clock starts."""
    command = [sys.executable, "-m", "loadtests.long_file", "--plain", str(file)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Run(found["seconds"], found["text"])


def _plain(file: Path) -> None:
    from faster_whisper import WhisperModel

    from izwi.models import ensure

    model = WhisperModel(
        str(ensure("whisper-base", None)), device="cpu", compute_type="int8", cpu_threads=os.cpu_count() or 1
    )
    began = time.perf_counter()
    segments, _ = model.transcribe(str(file), language="en", beam_size=1)
    text = " ".join(segment.text for segment in segments)
    typer.echo(json.dumps({"seconds": time.perf_counter() - began, "text": text}))


def job(server: Server, file: Path, found: Memory | None = None) -> Run:
    """From the first byte of the upload to the last segment; how far it is goes to ``found``."""
    with JobClient(server.url) as jobs, file.open("rb") as source:
        began = time.perf_counter()
        made = jobs.submit(source, file.name, {"language": "en"})
        for event in jobs.follow(made["id"]):
            if found is not None:
                found.done_s = event.data.get("done_s", found.done_s)
        seconds = time.perf_counter() - began
        if event.name != "done":
            raise InternalError(f"the job ended as {event.name}: {event.data['error']}")
        text = jobs.result(made["id"], "text")
        jobs.remove(made["id"])
    return Run(seconds, text)


def wer(text: str, heard: str) -> float:
    """Percent."""
    return 100 * jiwer.wer(" ".join(words(text)), " ".join(words(heard)) or " ")


def compare(server: Server, file: Path, text: str, rounds: int) -> dict[str, list[float]]:
    """Both in turn; who begins takes turns as well, so that a machine that gets slower favours neither."""
    found: dict[str, list[float]] = {"plain_s": [], "job_s": [], "plain_wer": [], "job_wer": []}
    for number in range(rounds):
        for kind in ("plain", "job") if number % 2 == 0 else ("job", "plain"):
            with console.status(f"round {number + 1} of {rounds}: {kind}"):
                run = plain(file) if kind == "plain" else job(server, file)
            found[f"{kind}_s"].append(run.seconds)
            found[f"{kind}_wer"].append(wer(text, run.text))
    return found


def table(found: dict[str, list[float]], seconds: float) -> str:
    def row(name: str, kind: str) -> str:
        took = found[f"{kind}_s"]
        each = ", ".join(f"{one:.1f}" for one in took)
        wers = ", ".join(f"{one:.2f}" for one in found[f"{kind}_wer"])
        return f"| {name} | {each} | {median(took) / seconds:.4f} | {fmean(found[f'{kind}_wer']):.2f} ({wers}) |"

    ratios = [plain / job for plain, job in zip(found["plain_s"], found["job_s"], strict=True)]
    columns = "seconds, per round | RTF | WER, %, per round"
    head = f"| {seconds / 60:.1f} min of speech | {columns} |\n| --- | --- | --- | --- |"
    rows = [row("faster-whisper, greedy, padded windows, all cores", "plain"), row("a job", "job")]
    return "\n".join([head, *rows, "", f"times as fast, per round: {', '.join(f'{one:.2f}' for one in ratios)}"])


def main(
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="English clips: a folder with manifest.json; else LibriVox.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Of the recording that both hear.", min=0.5)] = MINUTES,
    rounds: Annotated[int, typer.Option(help="Of both.", min=1)] = 2,
    hours: Annotated[
        float | None, typer.Option(help="Instead: one recording of so many hours as a job, and memory meanwhile.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")] = OUT / "summary.json",
    plain_file: Annotated[Path | None, typer.Option("--plain", hidden=True)] = None,
) -> None:
    """Hear ten minutes of real speech as a job and by plain faster-whisper, and print times, RTFs, ratio and WERs.

    Example: python -m loadtests.long_file --rounds 4

    Example: python -m loadtests.long_file --hours 1
    """
    if plain_file is not None:
        _plain(plain_file)
        return
    file = OUT / "recording.wav"
    try:
        seconds, text = recording(corpus.load(folder), 3600 * hours if hours else 60 * minutes, file)
        with (
            console.status("private server") as status,
            serving(url, None, OUT / "server.log", status.update) as server,
        ):
            status.stop()
            if hours is None:
                found = compare(server, file, text, rounds)
                ratio = median(found["plain_s"]) / median(found["job_s"])
                failed = [] if ratio >= GOAL else [f"a job is {ratio:.2f} times as fast; the goal is {GOAL:g}"]
                if fmean(found["job_wer"]) > fmean(found["plain_wer"]):
                    failed.append("a job makes more mistakes")
                conclude(table(found, seconds), {**found, "ratio": ratio, "others": 0.0}, out, failed)
            warm = OUT / "warm.wav"
            recording(corpus.load(folder), 60 * MINUTES, warm)
            with console.status(f"{MINUTES:g} min that warm up"):
                job(server, warm)
            meter = Memory(server)
            with console.status(f"a recording of {seconds / 60:.0f} min"), meter:
                run = job(server, file, meter)
    except (IzwiError, subprocess.CalledProcessError) as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    errors = wer(text, run.text)
    head = f"{seconds / 60:.0f} min in {run.seconds:.0f} s: RTF {run.seconds / seconds:.4f}, WER {errors:.2f} %"
    figures = {"rtf": run.seconds / seconds, "wer": errors, "growth_mb": meter.growth, "others": 0.0}
    conclude(f"{head}\n\n{told(meter)}", figures, out, failures(meter))


if __name__ == "__main__":
    typer.run(main)
