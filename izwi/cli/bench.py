"""`izwi bench`: how quickly a server answers recordings, and live sessions."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from izwi.audio import SAMPLE_RATE
from izwi.bench import http as recordings
from izwi.bench import live
from izwi.cli.outputs import to_json
from izwi.cli.progress import bars
from izwi.cli.stream import open_audio, stderr
from izwi.cli.target import AddressOption, KeyOption, LanguageOption, Target, target
from izwi.errors import UnsupportedAudio
from izwi.media import duration
from izwi.stages import Samples
from izwi.transcription_client import TranscriptionClient

ELSEWHERE = (
    "A first look, with this package alone. Delays of single words, error rates and cost are measured by the "
    "benchmarks and load tests of the repository: [bold]make bench[/], [bold]make loadtest[/]."
)
app = typer.Typer(
    help=f"How quickly a server answers. {ELSEWHERE}",
    epilog="Example: [bold]izwi bench http talk.mp3 --requests 50 --at-once 4[/]",
    no_args_is_help=True,
)
FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings, taken in turn.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.command(epilog="Example: [bold]izwi bench http talk.mp3 --requests 50 --at-once 4[/]\n\nExit code 1 on any error.")
def http(
    files: FilesArgument,
    url: AddressOption = None,
    api_key: KeyOption = None,
    requests: Annotated[int, typer.Option(help="In all; one before them is not counted.", min=1)] = 20,
    at_once: Annotated[int, typer.Option(help="Requests at once; each is followed by the next.", min=1, max=256)] = 2,
    language: LanguageOption = None,
    model: Annotated[str | None, typer.Option(help="Name of a recogniser that the server has loaded.")] = None,
    json: JsonOption = False,
) -> None:
    """Latency and requests per second of `POST /v1/audio/transcriptions`."""
    uploads = [recordings.Upload(file.name, _content(file)) for file in files]

    async def measure(server: Target) -> recordings.Answers:
        async with TranscriptionClient(server.http, server.api_key, at_once) as client:
            await client.check()
            with bars() as progress:
                task = progress.add_task("requests", total=requests)
                fields = {"language": language, "model": model}
                return await recordings.run(client, uploads, fields, requests, at_once, lambda: progress.advance(task))

    with target(url, api_key) as server:
        found = asyncio.run(measure(server)).figures()
    if not json:
        _table({"latency, s": found["latency_s"]}, ("p50", "p95", "p99"))
        typer.echo(
            f"{_number(found['requests_per_s'])} requests/s, {at_once} at once; {found['audio_s']:.1f} s of audio in "
            f"{found['wall_s']:.1f} s: RTF {_number(found['rtf'])}"
        )
    _conclude(found, json)


@app.command(
    epilog="Example: [bold]izwi bench ws talk.mp3 --sessions 4 --seconds 30[/]\n\nExit code 1 on any error, and where "
    "a session heard nothing."
)
def ws(
    files: FilesArgument,
    url: AddressOption = None,
    api_key: KeyOption = None,
    sessions: Annotated[int, typer.Option(help="At once; each begins with another file.", min=1, max=256)] = 1,
    seconds: Annotated[float, typer.Option(help="Speech of each, at real-time pace.", min=1, max=3600)] = 20.0,
    language: LanguageOption = None,
    json: JsonOption = False,
) -> None:
    """Delays of live sessions: their start, the first partial after the onset of speech, the final after its end."""
    speech = [_speech(file, seconds) for file in files]

    async def measure(server: Target) -> list[live.Seen]:
        with bars() as progress:
            showing = asyncio.create_task(_show(progress, seconds))
            try:
                return await live.run(server.ws, server.api_key, speech, sessions, seconds, language)
            finally:
                showing.cancel()
                with suppress(asyncio.CancelledError):
                    await showing

    with target(url, api_key) as server:
        found = live.figures(asyncio.run(measure(server)))
    if not json:
        _table(
            {
                "session start, s": found["session_start_s"],
                "first partial after onset, s": found["first_partial_s"],
                "final after speech, s": found["final_lag_s"],
            },
            ("p50", "p95"),  # utterances are too few for more
        )
        typer.echo(f"{found['sessions']} sessions, {found['utterances']} utterances, {found['words']} words")
        if found["resumes"]:
            typer.echo(f"{found['resumes']} connections were lost and replaced")
    if found["sent_late_s"] > live.LATE_S:
        late = f"audio left up to {found['sent_late_s']:.2f} s late: take the figures with care"
        stderr().print(late, highlight=False)
    _conclude(found, json)


def _content(file: Path) -> bytes:
    """Fails now, before a server is started; raises `UnsupportedAudio`."""
    duration(file)
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnsupportedAudio(f"{file.name} cannot be read: {error.strerror}") from None


def _speech(file: Path, seconds: float) -> Samples:
    """As much of a recording as a session needs."""
    pieces, length = list[Samples](), 0
    for piece in open_audio(file):
        pieces.append(piece)
        length += len(piece)
        if length >= seconds * SAMPLE_RATE:
            break
    return np.concatenate(pieces)


async def _show(progress: Progress, seconds: float) -> None:
    task = progress.add_task("speech", total=seconds)
    while True:
        await asyncio.sleep(0.5)
        progress.advance(task, 0.5)


def _table(rows: dict[str, dict[str, float | None]], quantiles: Sequence[str]) -> None:
    table = Table("", *quantiles, box=None, pad_edge=False)
    for name, values in rows.items():
        table.add_row(name, *(_number(values[quantile]) for quantile in quantiles))
    Console(highlight=False).print(table)


def _conclude(found: dict[str, Any], json: bool) -> None:
    """Raises `typer.Exit` with 1 where there were errors; they are told on stderr."""
    if json:
        typer.echo(to_json(found))
    console = stderr()
    for error, count in found["errors"].items():
        console.print(f"{count} times {error}", highlight=False, markup=False, soft_wrap=True)
    if found["errors"]:
        raise typer.Exit(1)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
