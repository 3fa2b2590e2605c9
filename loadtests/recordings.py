"""How fast uploaded recordings are transcribed: a minute alone, and several short ones at once.

python -m loadtests.recordings --corpus ../shared/speech/en
"""

import asyncio
import io
import statistics
import time
import wave
from pathlib import Path
from typing import Annotated

import httpx
import jiwer
import numpy as np
import typer
from rich.console import Console

from izwi.audio import SAMPLE_RATE, to_pcm16
from izwi.errors import IzwiError
from izwi.evaluation.text import words
from izwi.stages import Samples
from loadtests import corpus
from loadtests.corpus import Clip, render
from loadtests.outcome import conclude
from loadtests.server import serving

OUT = Path("out/recordings")
ALONE_S = 60.0
SHORT_S = 10.0
AT_ONCE = 8


def spoken(clips: list[Clip], seconds: float, seed: int) -> tuple[Samples, str]:
    """Speech without long pauses, cut to length, and what of it is said whole."""
    placed = corpus.script(clips, seconds, seed)
    audio, limit = render(placed), int(seconds * SAMPLE_RATE)
    whole = [one for one in placed if one.start + len(one.clip.samples) <= limit]
    end = whole[-1].start + len(whole[-1].clip.samples) if whole else limit
    return np.pad(audio[:end], (0, max(0, limit - end))), " ".join(one.clip.text for one in whole)


def wav(audio: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(to_pcm16(audio))
    return file.getvalue()


async def ask(client: httpx.AsyncClient, url: str, audio: Samples) -> tuple[float, str]:
    """Seconds until the whole answer was there, and the text."""
    began = time.perf_counter()
    response = await client.post(
        f"{url}/v1/audio/transcriptions",
        files={"file": ("speech.wav", wav(audio), "audio/wav")},
        data={"model": "whisper-1", "language": "en"},
    )
    response.raise_for_status()
    return time.perf_counter() - began, response.json()["text"]


async def measure(url: str, clips: list[Clip], runs: int, console: Console) -> dict[str, float]:
    async with httpx.AsyncClient(timeout=300, trust_env=False) as client:
        minute, text = spoken(clips, ALONE_S, 1)
        await ask(client, url, minute)  # warm-up
        alone: list[float] = []
        short: list[float] = []
        wrong = said = 0
        for run in range(runs):
            with console.status(f"run {run + 1} of {runs}"):
                seconds, heard = await ask(client, url, minute)
                alone.append(seconds)
                measured = jiwer.process_words(" ".join(words(text)), " ".join(words(heard)) or " ")
                wrong += measured.substitutions + measured.deletions + measured.insertions
                said += len(words(text))
                several = [spoken(clips, SHORT_S, 10 * run + n)[0] for n in range(AT_ONCE)]
                short += [seconds for seconds, _ in await asyncio.gather(*(ask(client, url, one) for one in several))]
    return {
        "alone_p50_s": statistics.median(alone),
        "alone_rtf": statistics.median(alone) / ALONE_S,
        "wer": 100 * wrong / max(1, said),
        "short_p50_s": statistics.median(short),
        "short_p95_s": sorted(short)[int(0.95 * len(short))],
    }


def table(found: dict[str, float]) -> str:
    alone = f"{found['alone_p50_s']:.2f} / – | {found['alone_rtf']:.3f} | {found['wer']:.1f}"
    return "\n".join(
        [
            "| recordings | seconds p50 / p95 | RTF | WER, % |",
            "| --- | --- | --- | --- |",
            f"| one of {ALONE_S:g} s | {alone} |",
            f"| {AT_ONCE} of {SHORT_S:g} s at once | {found['short_p50_s']:.2f} / {found['short_p95_s']:.2f} | – | – |",
        ]
    )


def main(
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="English clips: a folder with manifest.json; else LibriVox.")
    ] = None,
    runs: Annotated[int, typer.Option(help="Of each kind.", min=1)] = 5,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")] = OUT / "summary.json",
) -> None:
    """Transcribe a minute alone, then eight recordings of ten seconds at once, again and again.

    Example: python -m loadtests.recordings --runs 10
    """
    console = Console(stderr=True)
    try:
        clips = corpus.load(folder)
        with (
            console.status("private server") as status,
            serving(url, None, OUT / "server.log", status.update) as server,
        ):
            status.stop()
            found = asyncio.run(measure(server.url, clips, runs, console))
    except (IzwiError, httpx.HTTPError) as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    conclude(table(found), {**found, "others": 0.0}, out, [])


if __name__ == "__main__":
    typer.run(main)
