"""`izwi listen`: the microphone in, captions and translation in the terminal."""

import asyncio
import signal
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from izwi.audio import SAMPLE_RATE
from izwi.cli.stream import compressed
from izwi.cli.translate import OpusOption, SourceOption, SpeakersOption, TargetOption, UrlOption, translate
from izwi.client import Session
from izwi.errors import ModelMissing, Overloaded
from izwi.messages import SessionStart
from izwi.stages import Samples

BLOCK = SAMPLE_RATE // 10
QUEUE_BLOCKS = 300
"""Half a minute that may wait for a slow server."""

EXAMPLES = """Examples:

[bold]izwi listen --from en --to es[/]

[bold]izwi listen --from es --to en --device 2 --out out/talk[/]
"""


def command(
    source: SourceOption = "auto",
    target: TargetOption = "es",
    url: UrlOption = None,
    device: Annotated[str | None, typer.Option(help="Number, or part of the name, of the microphone.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for speech, subtitles and summary.")] = None,
    opus: OpusOption = False,
    speakers: SpeakersOption = False,
) -> None:
    """Translate what the microphone hears, until Ctrl-C."""
    sound = _library()
    options = {
        "device": int(device) if device and device.isdigit() else device,
        "channels": 1,
        "samplerate": SAMPLE_RATE,
        "dtype": "float32",
    }
    try:
        sound.check_input_settings(**options)
    except (ValueError, sound.PortAudioError) as error:
        raise typer.BadParameter(f"no microphone can be opened: {error}") from None

    async def feed(session: Session) -> None:
        await _listen(session, sound, options)

    start = SessionStart(source_language=source, target_language=target, with_speaker=speakers)
    translate(compressed(start) if opus else start, feed, None, url, out, json=False)


async def _listen(session: Session, sound: Any, options: dict[str, Any]) -> None:
    """Send blocks of 100 ms until Ctrl-C; what has been said by then is still translated. A second Ctrl-C does not wait
    for that."""
    loop = asyncio.get_running_loop()
    blocks: asyncio.Queue[Samples | None] = asyncio.Queue()

    def heard(block: Any, *_: object) -> None:  # runs in PortAudio's thread
        loop.call_soon_threadsafe(blocks.put_nowait, block[:, 0].copy())

    def interrupted() -> None:
        blocks.put_nowait(None)
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        with sound.InputStream(blocksize=BLOCK, callback=heard, **options):
            while (block := await blocks.get()) is not None:
                if blocks.qsize() > QUEUE_BLOCKS:
                    raise Overloaded("the server takes the audio slower than it is spoken")
                await session.send(block)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _library() -> Any:
    try:
        return import_module("sounddevice")
    except ImportError:
        raise ModelMissing("the microphone needs an extra package: pip install 'izwi[microphone]'") from None
    except OSError:
        raise ModelMissing("the microphone needs PortAudio: apt-get install libportaudio2") from None
