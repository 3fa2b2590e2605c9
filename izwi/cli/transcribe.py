"""`izwi transcribe`: a media file in, text on stdout."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from izwi.cli import outputs
from izwi.cli.live import LiveDisplay, Silent
from izwi.cli.record import Record
from izwi.cli.stream import open_audio, run, server, stderr
from izwi.cli.translate import SourceOption, SpeakersOption, UrlOption, require_all
from izwi.client import Session, stream_paced
from izwi.messages import SessionStart
from izwi.subtitles import to_srt

EXAMPLES = """Examples:

[bold]izwi transcribe talk.mp3 > talk.txt[/]

[bold]izwi transcribe film.mp4 --from es --format srt > film.srt[/]
"""


class Format(StrEnum):
    TEXT = "text"
    SRT = "srt"
    JSON = "json"


def command(
    file: Annotated[Path, typer.Argument(help="wav, flac, mp3, ogg, opus, m4a, mp4 and others.")],
    source: SourceOption = "auto",
    url: UrlOption = None,
    form: Annotated[Format, typer.Option("--format", help="Plain text, subtitles, or utterances as JSON.")] = (
        Format.TEXT
    ),
    speakers: SpeakersOption = False,
) -> None:
    """Transcribe a recording, as fast as the server takes it."""
    recording = open_audio(file)

    async def feed(session: Session) -> None:
        await stream_paced(session, recording, speed=0)

    console = stderr()
    display = LiveDisplay(console, recording.seconds) if console.is_terminal else Silent()
    with server(url) as address, display:
        record = run(address, SessionStart(source_language=source, with_speaker=speakers), feed, display)
    typer.echo(_formatted(record, form), nl=False)
    recording.require_whole()
    require_all(record, translating=False)


def _formatted(record: Record, form: Format) -> str:
    match form:
        case Format.TEXT:
            return "".join(f"{record.attributed(final)}\n" for final in record.finals)
        case Format.SRT:
            return to_srt(record.source_cues())
        case Format.JSON:
            return outputs.to_json(outputs.utterances(record)) + "\n"
