"""What listeners cost who say nothing: CPU per silent stream, process by process.

python -m loadtests.silence --streams 8 --seconds 30
"""

import asyncio
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from izwi.audio import SAMPLE_RATE
from izwi.errors import IzwiError
from izwi.messages import SessionStart
from izwi.stages import Samples
from loadtests.outcome import conclude
from loadtests.sampling import Spent
from loadtests.server import Server, serving
from loadtests.speaker import Heard, speak

WARM_UP_S = 5.0
"""For the streams: sessions open, and the server learns what the room sounds like."""
STAGGER_S = 1.0
"""Streams begin within this time, so that their frames do not come all at once."""
LOW_HZ = 60.0
"""Rooms hum above this."""


def room(seconds: float, dbfs: float | None, seed: int) -> Samples:
    """Room noise at ``dbfs`` RMS, falling by 3 dB an octave; None gives digital silence. 16 kHz, mono, shape (n,)."""
    count = round(seconds * SAMPLE_RATE)
    if dbfs is None:
        return np.zeros(count, np.float32)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), LOW_HZ))
    noise = np.fft.irfft(spectrum, count)
    return (noise * 10 ** (dbfs / 20) / np.sqrt(np.mean(noise**2))).astype(np.float32)


@dataclass(frozen=True)
class Row:
    """Percent of one core."""

    process: str
    idle: float
    busy: float
    per_stream: float


def rows(idle: Spent, busy: Spent, streams: int) -> list[Row]:
    """One per process and their sum at last; what the idle server uses is not the streams' doing."""
    pairs = {name: (idle.server.get(name, 0.0), busy.server.get(name, 0.0)) for name in {*idle.server, *busy.server}}
    found = [Row(name, before, during, (during - before) / streams) for name, (before, during) in pairs.items()]
    found.sort(key=lambda row: -row.per_stream)
    before, during = idle.server_total, busy.server_total
    return [*found, Row("all of the server", before, during, (during - before) / streams)]


def table(summary: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = ["| process | idle | with streams | per stream |", "| --- | --- | --- | --- |"]
    for row in summary["rows"]:
        if max(row["idle"], row["busy"]) >= 0.05:
            lines.append(f"| {row['process']} | {row['idle']:.1f} | {row['busy']:.1f} | {row['per_stream']:.2f} |")
    what = "digital silence" if summary["dbfs"] is None else f"room noise at {summary['dbfs']:.0f} dBFS"
    note = f"percent of one core; {summary['streams']} streams of {what}, {summary['seconds']:.0f} s; "
    note += f"client {summary['client']:.1f}, others {summary['others']:.1f}; {summary['words']} words heard"
    return "\n".join([*lines, "", note])


async def measure(server: Server, streams: int, seconds: float, idle_s: float, sound: list[Samples]) -> dict[str, Any]:
    """Watch the server without streams, then with them."""
    await server.settle()
    idle = await server.watch(idle_s)
    begin = random.Random(1)

    async def stream(audio: Samples) -> Heard:
        await asyncio.sleep(begin.uniform(0, STAGGER_S))
        return await speak(server.socket, SessionStart(source_language="en"), audio, Heard())

    streaming = [asyncio.create_task(stream(audio)) for audio in sound]
    await asyncio.sleep(STAGGER_S + WARM_UP_S)
    busy = await server.watch(seconds)
    heard = await asyncio.gather(*streaming)
    return {
        "streams": streams,
        "seconds": busy.seconds,
        "rows": [asdict(row) for row in rows(idle, busy, streams)],
        "client": busy.client,
        "others": max(idle.others, busy.others),
        "words": sum(len(one.settled) for one in heard),
        "late_chunks": sum(one.late_chunks for one in heard),
        "errors": sorted({error for one in heard for error in one.errors}),
        "refused": sum(one.refused for one in heard),
    }


def void(summary: dict[str, Any]) -> list[str]:
    """Why the figures cannot be used; empty if they can."""
    reasons = {
        f"{summary['refused']} streams refused": summary["refused"],
        f"{summary['late_chunks']} chunks sent late": summary["late_chunks"],
        f"errors: {'; '.join(summary['errors'])}": summary["errors"],
        "the server's processes are not known: name one with --pid": not summary["rows"][-1]["busy"],
    }
    return [reason for reason, there in reasons.items() if there]


def main(
    streams: Annotated[int, typer.Option(help="Silent streams.", min=1)] = 8,
    seconds: Annotated[float, typer.Option(help="How long to watch them.", min=1)] = 30.0,
    idle: Annotated[float, typer.Option(help="How long to watch the idle server before.", min=1)] = 20.0,
    dbfs: Annotated[float, typer.Option(help="Level of the room noise.", max=0)] = -50.0,
    digital: Annotated[bool, typer.Option("--digital", help="Digital silence instead of noise.")] = False,
    limit: Annotated[float | None, typer.Option(help="Most percent of a core per stream.")] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    pid: Annotated[int | None, typer.Option(help="The root process of the server at --url.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 1,
) -> None:
    """CPU per silent stream, the idle server's own subtracted and this client left out.

    Example: python -m loadtests.silence --streams 8 --seconds 30 --limit 3
    """
    console = Console(stderr=True)
    level = None if digital else dbfs
    sound = [room(STAGGER_S + WARM_UP_S + seconds + 2.0, level, seed + number) for number in range(streams)]
    try:
        with (
            console.status("private server") as status,
            serving(url, pid, Path("out/silence/server.log"), status.update) as server,
        ):
            status.update(f"idle server, then {streams} silent streams")
            summary: dict[str, Any] = {"dbfs": level, **asyncio.run(measure(server, streams, seconds, idle, sound))}
    except IzwiError as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    failed = void(summary)
    if limit is not None and summary["rows"][-1]["per_stream"] > limit:
        failed.append(f"more than {limit:g} % of a core per stream")
    conclude(table(summary), summary, out, failed)


if __name__ == "__main__":
    typer.run(main)
