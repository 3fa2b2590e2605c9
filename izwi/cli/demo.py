"""`izwi demo`: a real reading, translated live from end to end."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from izwi.audio import SAMPLE_RATE
from izwi.cli.stream import Recording, open_audio
from izwi.cli.translate import UrlOption, translate
from izwi.client import Session, stream_paced
from izwi.errors import UnsupportedAudio
from izwi.media import decode_file
from izwi.messages import SessionStart

READING = Path("/usr/share/pocketsphinx/test/data/librivox")
"""Five consecutive passages of "Sense and Sensibility", read for LibriVox (public domain)."""
PAUSE_S = 0.7
"""Between the passages, which were cut without their pauses: a reader's breath, longer than the endpoint."""

EXAMPLES = """Examples:

[bold]izwi demo[/]

[bold]izwi demo clip.flac --from es --to en --out out/clip[/]
"""


def command(
    file: Annotated[Path | None, typer.Argument(help="Any media file; without it a LibriVox reading.")] = None,
    source: Annotated[str, typer.Option("--from", help="Language spoken, ISO 639-1, or auto.")] = "en",
    target: Annotated[str, typer.Option("--to", help="Language to translate into, ISO 639-1.")] = "es",
    out: Annotated[Path, typer.Option(help="Folder for speech, subtitles and summary.")] = Path("out/demo"),
    url: UrlOption = None,
) -> None:
    """Translate a recording at the pace of speech, and measure."""
    recording = open_audio(file) if file else _reading()

    async def feed(session: Session) -> None:
        await stream_paced(session, recording)

    start = SessionStart(source_language=source, target_language=target)
    translate(start, feed, recording.seconds, url, out, json=False)
    recording.require_whole()


def _reading() -> Recording:
    files = sorted(READING.glob("*.wav"))
    if not files:
        raise UnsupportedAudio(
            f"the demo's recording is not installed: apt-get install pocketsphinx-testdata, or give a file "
            f"(looked in {READING})"
        )
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), np.float32)
    pieces = [piece for file in files for piece in (*decode_file(file, 60), pause)]
    return Recording(iter(pieces), sum(map(len, pieces)) / SAMPLE_RATE)
