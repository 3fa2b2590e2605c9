"""WhisperLiveKit's ``/asr`` WebSocket (read in version 0.2.26), for a server started with ``--pcm-input``.

The client sends 16-bit PCM at 16 kHz in binary frames and an empty frame at the end. The server sends its whole state
whenever that changed: ``lines`` are settled (speaker -2 is a silence), ``buffer_*`` is tentative. There are no
utterances: the whole session is one here.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_core import from_json
from websockets.asyncio.client import ClientConnection

from izwi.audio import to_pcm16
from izwi.errors import ProtocolViolation, UnsupportedPair
from izwi.messages import SessionStart
from izwi.stages import Samples
from loadtests.adapters.conversation import Failed, Final, Observation, Partial
from loadtests.adapters.sockets import connected, with_path

WHOLE = "session"
SILENCE = -2


@asynccontextmanager
async def session(url: str, start: SessionStart) -> AsyncIterator["WhisperLiveKitConversation"]:
    """See `Opener`.

    Raises:
        UnsupportedPair: a translation was asked for.
        ProtocolViolation: the server expects compressed audio.
    """
    if start.target_language:
        raise UnsupportedPair("WhisperLiveKit is asked for captions only")
    query = "" if start.source_language == "auto" else f"language={start.source_language}"
    async with connected(with_path(url, "/asr", query)) as socket:
        config = from_json(await socket.recv())
        if config.get("type") == "error":
            raise ProtocolViolation(f"the server refused the session: {config.get('error')}")
        if not config.get("useAudioWorklet"):
            raise ProtocolViolation("the server expects compressed audio: start it with --pcm-input")
        yield WhisperLiveKitConversation(socket)


class WhisperLiveKitConversation:
    """See `Conversation`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, samples: Samples) -> None:
        if len(samples):  # an empty frame would end the session
            await self._socket.send(to_pcm16(samples))

    async def end(self) -> None:
        await self._socket.send(b"")

    async def __aiter__(self) -> AsyncIterator[Observation]:
        committed = tentative = ""
        while True:
            state: dict[str, Any] = from_json(await self._socket.recv())
            at = time.monotonic()
            if state.get("error"):
                yield Failed(at, "server_error", str(state["error"]))
            if state.get("type") == "ready_to_stop":
                yield Final(at, WHOLE, f"{committed} {tentative}".strip())
                return
            if "lines" in state and (committed, tentative) != (fresh := texts(state)):
                committed, tentative = fresh  # most messages only tell how far the server is behind
                yield Partial(at, WHOLE, committed, tentative)


def texts(state: dict[str, Any]) -> tuple[str, str]:
    """Settled and tentative text of a state message."""
    lines = (line["text"].strip() for line in state["lines"] if line.get("text") and line.get("speaker") != SILENCE)
    buffers = (state.get(name) or "" for name in ("buffer_diarization", "buffer_transcription"))
    return " ".join(lines), " ".join(text.strip() for text in buffers if text.strip())
