"""`izwi translate`: a media file in, captions, translation and speech out."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from izwi.cli import outputs
from izwi.cli.live import Silent, display_for
from izwi.cli.record import Record
from izwi.cli.stream import Feed, compressed, open_audio, run, server, stderr
from izwi.client import Session, stream_paced
from izwi.messages import SessionStart

EXAMPLES = """Examples:

[bold]izwi translate talk.mp3 --from en --to es --out out/talk[/]

[bold]izwi translate film.mp4 --from es --to en --fast --json[/]
"""

SourceOption = Annotated[str, typer.Option("--from", help="Language spoken, ISO 639-1, or auto.")]
TargetOption = Annotated[str, typer.Option("--to", help="Language to translate into, ISO 639-1.")]
UrlOption = Annotated[
    str | None, typer.Option(help="A running server, such as ws://127.0.0.1:8000; else a private one is started.")
]
OpusOption = Annotated[
    bool, typer.Option("--opus", help="Compress audio both ways: a sixth of the traffic, for slow networks.")
]

SpeakersOption = Annotated[bool, typer.Option("--speakers", help="Say who spoke each utterance.")]


def command(
    file: Annotated[Path, typer.Argument(help="wav, flac, mp3, ogg, opus, m4a, mp4 and others.")],
    source: SourceOption = "auto",
    target: TargetOption = "es",
    url: UrlOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for speech, subtitles and summary.")] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime/--fast", help="At the pace of speech, or as fast as the server takes it.")
    ] = True,
    opus: OpusOption = False,
    speakers: SpeakersOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON, and nothing else.")] = False,
) -> None:
    """Translate a recording into captions and speech."""
    recording = open_audio(file)

    async def feed(session: Session) -> None:
        await stream_paced(session, recording, speed=1.0 if realtime else 0.0)

    start = SessionStart(source_language=source, target_language=target, with_speaker=speakers)
    translate(compressed(start) if opus else start, feed, recording.seconds, url, out, json)
    recording.require_whole()


def translate(
    start: SessionStart, feed: Feed, seconds: float | None, url: str | None, out: Path | None, json: bool
) -> None:
    """Run one translating session with its display, its files and its report.

    Raises:
        typer.Exit: 1 where a stage produced nothing.
    """
    console = Console()
    display = Silent() if json else display_for(console, seconds)
    with server(url) as address, display:
        record = run(address, start, feed, display)
    files = outputs.write(record, out) if out else []
    if json:
        typer.echo(outputs.to_json(outputs.summary(record, files[0] if files else None)))
    else:
        report(console, record, files)
    require_all(record, translating=True)


def report(console: Console, record: Record, files: list[Path]) -> None:
    """The latency table and the list of files."""
    table = Table(title="latency in seconds", title_justify="left")
    table.add_column("from audio sent to")
    for name in ("p50", "p95"):
        table.add_column(name, justify="right")
    for name, values in record.meter.summary().items():
        cells = ("-" if value is None else f"{value:.2f}" for value in values.values())
        table.add_row(name.replace("_", " "), *cells)
    console.print(table)
    console.print(f"{record.audio_s:.1f} s of audio in {record.wall_s:.1f} s", highlight=False)
    for file in files:
        console.print(f"wrote {file}", highlight=False, markup=False, soft_wrap=True)


def require_all(record: Record, translating: bool) -> None:
    """Say which stage produced nothing, and leave with 1 if one did."""
    if silent := record.silent_stages(translating, translating):
        for text in record.notices:
            stderr().print(text, markup=False)
        stderr().print(f"[bold red]error[/] nothing came from: {', '.join(silent)}")
        raise typer.Exit(1)
