"""A plain WebSocket on OpenAI's realtime protocols, and what the tests of them share."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from websockets.asyncio.client import ClientConnection, connect

from izwi.audio import to_pcm16
from tests.e2e.conftest import Server

DOCS = Path(__file__).parents[2] / "docs" / "realtime.md"
RATE = 24_000
FRAME_MS = 200
LIMIT_S = 60.0
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"

Event = dict[str, Any]


def snippets(language: str) -> list[str]:
    """The programs in docs/realtime.md."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)


def pcm(samples: npt.NDArray[np.float32], rate: int = RATE) -> bytes:
    """Mono audio at 16 kHz as PCM16 at ``rate``."""
    return to_pcm16(soxr.resample(samples, 16_000, rate))


class Talk:
    """One connection, with all that it has received."""

    def __init__(self, socket: ClientConnection, prefix: str = "") -> None:
        self.socket = socket
        self.events: list[Event] = []
        self._prefix = prefix

    async def send(self, type: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def append(self, audio: bytes, frame: int = RATE * 2 * FRAME_MS // 1000) -> None:
        for begin in range(0, len(audio), frame):
            part = base64.b64encode(audio[begin : begin + frame]).decode()
            await self.send(f"{self._prefix}input_audio_buffer.append", audio=part)

    async def speak(self, audio: bytes) -> None:
        """At its own pace: words are settled by passes that follow one another."""
        frame = RATE * 2 * FRAME_MS // 1000
        for begin in range(0, len(audio), frame):
            await self.append(audio[begin : begin + frame])
            await asyncio.sleep(FRAME_MS / 1000)

    async def until(self, done: Callable[[Event], bool]) -> Event:
        """Receive up to the event that is wanted."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                event = json.loads(await self.socket.recv())
                self.events.append(event)
                if done(event):
                    return event

    async def next(self, *types: str) -> Event:
        """Receive up to an event of one of these types."""
        return await self.until(lambda event: event["type"] in types)

    async def update(self, **audio_input: object) -> Event:
        await self.send("session.update", session={"type": "transcription", "audio": {"input": audio_input}})
        return await self.next("session.updated", "error")

    def of(self, type: str) -> list[Event]:
        return [event for event in self.events if event["type"] == type]

    def joined(self, type: str) -> str:
        return "".join(event["delta"] for event in self.of(type))


async def output_of(*command: str, folder: Path, audio: bytes, enough: str) -> str:
    """What a program prints that is given this audio, up to a word; then it is stopped."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    printed = ""
    try:
        process.stdin.write(audio)
        process.stdin.close()
        async with asyncio.timeout(LIMIT_S):
            while enough not in printed.lower() and (part := await process.stdout.read(1000)):
                printed += part.decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return printed


@asynccontextmanager
async def talking(server: Server, path: str = "/v1/realtime", **options: Any) -> AsyncIterator[Talk]:
    """Connected, and greeted."""
    url = server.http.replace("http", "ws", 1) + path
    async with connect(url, max_size=None, compression=None, proxy=None, **options) as socket:
        talk = Talk(socket, "session." if "translations" in path else "")
        await talk.next("session.created", "error")
        yield talk


def deltas_are_the_transcripts(events: list[Event]) -> None:
    joined: dict[str, str] = {}
    for event in events:
        if event["type"] == DELTA:
            joined[event["item_id"]] = joined.get(event["item_id"], "") + event["delta"]
    transcripts = {event["item_id"]: event["transcript"] for event in events if event["type"] == COMPLETED}
    assert transcripts
    assert {item: joined.get(item, "") for item in transcripts} == transcripts
