"""One session for hours: does memory grow, does the lag, does the transcript keep up?

python -m loadtests.soak --minutes 60
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from izwi.audio import SAMPLE_RATE
from izwi.client import IzwiClient, Session
from izwi.client_outbound import MAX_FRAME_SAMPLES
from izwi.errors import IzwiError
from izwi.evaluation.text import words
from izwi.messages import AudioProgressMessage, ErrorMessage, SessionStart, TranscriptCommittedMessage
from izwi.pacing import rechunk
from izwi.stages import Samples
from loadtests import corpus
from loadtests.growth import Sample, growths, hearing, lag, per_minute
from loadtests.outcome import conclude
from loadtests.sampling import memory, spent
from loadtests.server import Server, serving
from loadtests.soak_report import Outcome, failures, table

CLIENT = "this client"


@dataclass
class Soak:
    """What was said and seen so far. Times are seconds of the session's audio."""

    began: float
    """`time.monotonic` seconds."""
    audio_s: float = 0.0
    """Received by the server."""
    said: list[float] = field(default_factory=list)
    """When each word of the recordings comes, spread evenly over its clip."""
    heard: list[float] = field(default_factory=list)
    """When each word of the transcript ended."""
    lags: list[tuple[float, float]] = field(default_factory=list)
    """When words were spoken, and after how many seconds they were settled."""
    samples: list[Sample] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=lambda: Counter[str]())

    def note(self, event: object, session: Session) -> None:
        match event:
            case AudioProgressMessage(data=data):
                self.audio_s = data.received_samples / SAMPLE_RATE
            case TranscriptCommittedMessage(data=data) if data.words:
                self.heard += [word.end_s for word in data.words for _ in words(word.text)]
                end_s = data.words[-1].end_s
                sent_at = session.sent.at(end_s)
                if sent_at is not None:
                    self.lags.append((end_s, session.received_at - sent_at))
            case ErrorMessage(data=data):
                self.errors[data.code] += 1
            case _:
                pass


def talk(clips: list[corpus.Clip], seconds: float, seed: int, said: list[float]) -> Iterator[Samples]:
    """Clips over and over, in ever new order, with pauses; fills ``said``. Made piece by piece: an hour is 230 MB."""
    source = random.Random(seed)
    pause = np.zeros(int(corpus.PAUSE_S * SAMPLE_RATE), np.float32)
    position, end, order = 0, seconds * SAMPLE_RATE, list[corpus.Clip]()
    while position < end:
        order = order or source.sample(clips, len(clips))
        clip = order.pop()
        count, length = len(words(clip.text)), len(clip.samples)
        said += [(position + length * (number + 1) / count) / SAMPLE_RATE for number in range(count)]
        yield clip.samples
        yield pause
        position += length + len(pause)


async def soak(
    server: Server,
    clips: list[corpus.Clip],
    minutes: float,
    speed: float | None,
    every_s: float,
    bar: Callable[[float], None],
) -> Soak:
    """Run the session and sample the memory meanwhile; ``bar`` is told the minutes done."""
    seen = Soak(time.monotonic())
    try:
        async with IzwiClient(server.socket, resume_for_s=0).session(SessionStart(source_language="en")) as session:
            audio = rechunk(talk(clips, 60 * minutes, 1, seen.said), MAX_FRAME_SAMPLES)
            helpers = [
                asyncio.create_task(_send(session, audio, speed), name="send"),
                asyncio.create_task(_sample(server, seen, every_s, bar), name="sample"),
            ]
            try:
                async for event in session:
                    seen.note(event, session)
                await helpers[0]
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.wait(helpers)
    except IzwiError as error:  # what was measured until then still counts
        seen.errors[f"{error.code}: {error}"] += 1
    return seen


async def _send(session: Session, audio: Iterator[Samples], speed: float | None) -> None:
    began = time.monotonic()
    for piece in audio:
        if speed is not None:
            due = began + session.sent.samples / SAMPLE_RATE / speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await session.send(piece)
    await session.end()


async def _sample(server: Server, seen: Soak, every_s: float, bar: Callable[[float], None]) -> None:
    while True:
        now = server.read()
        rss = {**memory(now.server), CLIENT: now.client_rss_mb}
        seen.samples.append(Sample(now.at - seen.began, seen.audio_s, rss))
        bar(seen.audio_s / 60)
        await asyncio.sleep(every_s)


def outcome(seen: Soak, warm_up: float) -> Outcome:
    """The figures after ``warm_up`` audio minutes; words by whole minutes only."""
    first = math.ceil(warm_up)
    heard = per_minute(seen.heard, seen.audio_s)[first:]
    return Outcome(
        audio_minutes=seen.audio_s / 60,
        wall_minutes=seen.samples[-1].wall_s / 60 if seen.samples else 0.0,
        growth=growths([sample for sample in seen.samples if sample.audio_s >= 60 * warm_up], CLIENT),
        hearing=hearing(per_minute(seen.said, seen.audio_s)[first:], heard),
        words_per_minute=heard,
        lag=lag([point for point in seen.lags if point[0] >= 60 * warm_up]),
        errors=dict(seen.errors),
    )


def main(
    minutes: Annotated[float, typer.Option(help="Audio in the session.", min=0.5)] = 60.0,
    speed: Annotated[
        float | None, typer.Option(help="Times the pace of speech; as fast as the server takes it if left out.")
    ] = None,
    warm_up: Annotated[float, typer.Option(help="First audio minutes that do not count.", min=0)] = 10.0,
    every: Annotated[float, typer.Option(help="Seconds between two looks at the memory.", min=0.1)] = 2.0,
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="What is said: a folder with manifest.json; else LibriVox.")
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="Most MB per audio minute, all of the server, second half.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    pid: Annotated[int | None, typer.Option(help="The root process of the server at --url.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures and all samples.")] = None,
) -> None:
    """Memory, lag and transcript of one very long session.

    Example: python -m loadtests.soak --minutes 60 --limit 0.5 --out out/soak.json
    """
    console = Console(stderr=True)
    try:
        clips = corpus.load(folder)
        with (
            Progress(console=console, refresh_per_second=1) as progress,
            serving(url, pid, Path("out/soak/server.log"), lambda _: None) as server,
        ):
            task = progress.add_task("audio", total=minutes)
            asyncio.run(server.settle())
            before = server.read()
            seen = asyncio.run(
                soak(server, clips, minutes, speed, every, lambda done: progress.update(task, completed=done))
            )
            used = spent(before, server.read())
    except IzwiError as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    found = outcome(seen, warm_up)
    summary = {**asdict(found), "server": used.server, "client": used.client, "others": used.others}
    summary["samples"] = [asdict(sample) for sample in seen.samples]
    conclude(table(found), summary, out, failures(found, limit))


if __name__ == "__main__":
    typer.run(main)
