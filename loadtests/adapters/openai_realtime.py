"""OpenAI's realtime WebSocket, transcription sessions (``session.type`` is ``transcription``), with server VAD.

Audio goes up as base64 PCM16 at 24 kHz. Deltas hold settled text only, so there is never anything tentative; an
utterance is an item. The protocol has no end of session: after the last audio the client commits what is left, and is
done when no item is without its transcript.
"""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import soxr
from pydantic_core import from_json, to_json
from websockets.asyncio.client import ClientConnection

from izwi.audio import SAMPLE_RATE, to_pcm16
from izwi.errors import IzwiError, UnsupportedPair, error_classes
from izwi.messages import SessionStart
from izwi.stages import Samples
from loadtests.adapters.conversation import Committed, Failed, Final, Observation
from loadtests.adapters.sockets import connected, with_path

RATE = 24_000
"""The one rate that every server of this protocol takes."""
MODEL = "whisper-1"
SILENCE_MS = 400
"""Silence that ends an item: the native protocol's endpoint."""
COMMIT = "last-commit"
"""Event id of the commit after the last audio: where there is nothing to commit, the error names it."""
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@asynccontextmanager
async def session(url: str, start: SessionStart) -> AsyncIterator["OpenAiConversation"]:
    """See `Opener`.

    Raises:
        UnsupportedPair: a translation was asked for.
    """
    if start.target_language:
        raise UnsupportedPair("a transcription session does not translate")
    async with connected(with_path(url, "/v1/realtime", "intent=transcription")) as socket:
        await _expect(socket, "session.created")
        await socket.send(to_json({"type": "session.update", "session": configuration(start)}).decode())
        await _expect(socket, "session.updated")
        yield OpenAiConversation(socket)


def configuration(start: SessionStart) -> dict[str, Any]:
    """The session object that asks for what ``start`` asks for."""
    language = {} if start.source_language == "auto" else {"language": start.source_language}
    detection = {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": SILENCE_MS,
    }
    audio = {
        "format": {"type": "audio/pcm", "rate": RATE},
        "transcription": {"model": MODEL, **language},
        "turn_detection": detection,
    }
    return {"type": "transcription", "audio": {"input": audio}}


class OpenAiConversation:
    """See `Conversation`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._resampler = soxr.ResampleStream(SAMPLE_RATE, RATE, 1, dtype="float32", quality="HQ")
        self._ended = False
        self._answered = False
        self._pending: set[str] = set()

    async def send(self, samples: Samples) -> None:
        await self._append(self._resampler.resample_chunk(samples))

    async def end(self) -> None:
        await self._append(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        self._ended = True
        await self._write({"type": "input_audio_buffer.commit", "event_id": COMMIT})

    async def __aiter__(self) -> AsyncIterator[Observation]:
        while not (self._answered and not self._pending):
            event: dict[str, Any] = from_json(await self._socket.recv())
            seen = self._take(event, time.monotonic())
            if seen is not None:
                yield seen

    def _take(self, event: dict[str, Any], at: float) -> Observation | None:
        item = event.get("item_id", "")
        match event["type"]:
            case "input_audio_buffer.speech_started":
                self._pending.add(item)
            case "input_audio_buffer.committed":
                self._pending.add(item)
                self._answered = self._ended
            case str(kind) if kind == f"{TRANSCRIPTION}.delta":
                return Committed(at, item, event["delta"])
            case str(kind) if kind == f"{TRANSCRIPTION}.completed":
                self._pending.discard(item)
                return Final(at, item, event["transcript"])
            case str(kind) if kind == f"{TRANSCRIPTION}.failed":
                self._pending.discard(item)
                return Failed(at, *_told(event["error"]))
            case "error":
                if event["error"].get("event_id") == COMMIT:  # nothing was left to commit
                    self._answered = True
                    return None
                return Failed(at, *_told(event["error"]))
            case _:
                pass
        return None

    async def _append(self, samples: Samples) -> None:
        if len(samples):
            audio = base64.b64encode(to_pcm16(samples)).decode()
            await self._write({"type": "input_audio_buffer.append", "audio": audio})

    async def _write(self, event: dict[str, Any]) -> None:
        await self._socket.send(to_json(event).decode())


async def _expect(socket: ClientConnection, kind: str) -> None:
    """Wait for an event of this type.

    Raises:
        IzwiError: an error came first; of our own class where its code is one of ours.
    """
    while (event := from_json(await socket.recv()))["type"] != kind:
        if event["type"] == "error":
            code, message = _told(event["error"])
            raise error_classes().get(code, IzwiError)(f"{code}: {message}")


def _told(error: dict[str, Any]) -> tuple[str, str]:
    return str(error.get("code") or error.get("type") or "error"), str(error.get("message", ""))
