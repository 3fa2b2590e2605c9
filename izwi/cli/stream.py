"""What all streaming commands share: where the server is, and running one session on it."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path

from rich.console import Console

from izwi.cli.live import Display
from izwi.cli.record import Record
from izwi.client import IzwiClient, Session
from izwi.errors import AudioTooLong, DamagedAudio, ProtocolViolation
from izwi.media import decode_file, duration
from izwi.messages import AudioFormat, SessionStart
from izwi.server_process import running_server
from izwi.settings import Settings
from izwi.stages import Samples

Feed = Callable[[Session], Awaitable[None]]
"""Sends the audio of a session; its end is said afterwards."""


def compressed(start: SessionStart) -> SessionStart:
    """The same session over a slow network: Opus both ways."""
    return start.model_copy(update={"audio": AudioFormat(encoding="opus"), "speech_format": "opus"})


def stderr() -> Console:
    """Where progress and messages go, so that stdout holds results only."""
    return Console(stderr=True)


@contextmanager
def server(url: str | None) -> Generator[str]:
    """The WebSocket address to use: the given one, or that of a private server that lives as long as the block."""
    if url:
        yield url
        return
    with tempfile.NamedTemporaryFile(prefix="izwi-server-", suffix=".log", delete=False) as file:
        log = Path(file.name)
    block = ExitStack()
    console = stderr()

    def say(state: str) -> None:
        status.update(f"private server: {state}")
        if not console.is_terminal:  # the status line shows in terminals only
            console.print(f"private server: {state}", markup=False, highlight=False)

    with console.status("private server") as status:
        base = block.enter_context(running_server(log, say))
    try:
        yield base.replace("http", "ws", 1)
    finally:
        with console.status("stopping the server"):
            block.close()
    log.unlink()  # kept after a failure


class Recording:
    """The pieces of a file's audio. Damage ends them like the end of the file, and is told once the session is over."""

    def __init__(self, pieces: Iterator[Samples], seconds: float | None) -> None:
        self.seconds = seconds
        """Where the file tells it."""
        self._pieces = pieces
        self._damage: DamagedAudio | None = None

    def __iter__(self) -> Iterator[Samples]:
        try:
            yield from self._pieces
        except DamagedAudio as error:
            self._damage = error

    def require_whole(self) -> None:
        """Raise `DamagedAudio` if the file gave only a part."""
        if self._damage is not None:
            raise self._damage


def open_audio(file: Path) -> Recording:
    """A file's audio; fails now, before a server is started.

    Raises:
        UnsupportedAudio, AudioTooLong: see `decode_file`.
    """
    limit = Settings().max_audio_seconds
    seconds = duration(file)
    if seconds and seconds > limit:
        raise AudioTooLong(f"{file.name} takes {seconds:.0f} s; {limit:.0f} s are accepted")
    pieces = decode_file(file, limit)
    return Recording(chain([next(pieces)], pieces), seconds)


def run(url: str, start: SessionStart, feed: Feed, display: Display) -> Record:
    """One session from start to end; every event goes to the display and into the record."""
    return asyncio.run(_run(url, start, feed, display))


async def _run(url: str, start: SessionStart, feed: Feed, display: Display) -> Record:
    key = Settings().api_key
    client = IzwiClient(url, api_key=key.get_secret_value() if key else None)
    async with client.session(start) as session, asyncio.TaskGroup() as tasks:
        record = Record(session.sent, time.monotonic())
        record.add(session.started, session.received_at)
        display.begin(session)
        sending = tasks.create_task(_send(session, feed), name="send")
        async for event in session:
            record.add(event, session.received_at)
            display.add(event)
        sending.cancel()  # the server may end a session early
    return record


async def _send(session: Session, feed: Feed) -> None:
    with suppress(ProtocolViolation):  # the server ended the session early; the receiving side says why
        await feed(session)
        await session.end()
