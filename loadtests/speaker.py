"""One simulated speaker: streams a script at real-time pace and notes what it sees and when."""

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.client import IzwiClient, Session, Speech
from izwi.errors import IzwiError
from izwi.messages import (
    ErrorMessage,
    SessionStart,
    SpeechSkippedMessage,
    TranscriptCommittedMessage,
    TranscriptFinalMessage,
    TranscriptPartialMessage,
    TranslationCommittedMessage,
)
from izwi.stages import Samples
from loadtests.delays import Shown, words

CHUNK_S = 0.1
LATE_S = 0.25
"""A chunk sent this much after its time means that the client, not the server, was too slow: such a run is void."""


@dataclass
class Heard:
    """What one speaker saw. Times are `time.monotonic` seconds."""

    started_at: float = 0.0
    views: list[Shown] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    """All words shown, view by view."""
    settled: list[str] = field(default_factory=list)
    final_lags: list[float] = field(default_factory=list)
    first_audio: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    skipped: int = 0
    late_chunks: int = 0
    chunks: int = 0

    def sent_at(self, time_s: float) -> float:
        """When the audio up to ``time_s`` should have left."""
        return self.started_at + time_s


async def speak(url: str, start: SessionStart, audio: Samples, heard: Heard) -> Heard:
    """Stream ``audio``; chunks leave on schedule, and delays count from the schedule: no coordinated omission."""
    try:
        async with IzwiClient(url).session(start) as session:
            heard.started_at = time.monotonic()
            sending = asyncio.create_task(_send(session, audio, heard))
            clauses: dict[int, float] = {}
            async for event in session:
                _note(event, session.received_at, heard, clauses)
            await sending
    except IzwiError as error:
        heard.errors.append(f"{error.code}: {error}")
    return heard


async def _send(session: Session, audio: Samples, heard: Heard) -> None:
    step = int(CHUNK_S * SAMPLE_RATE)
    for number, piece in enumerate(np.array_split(audio, range(step, len(audio), step))):
        due = heard.started_at + (number + 1) * CHUNK_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        heard.late_chunks += time.monotonic() - due > LATE_S
        heard.chunks += 1
        await session.send(piece)
    await session.end()


def _note(event: object, at: float, heard: Heard, clauses: dict[int, float]) -> None:
    match event:
        case TranscriptCommittedMessage(data=data):
            heard.settled += words(data.text)
            _view(heard, at, [])
        case TranscriptPartialMessage(data=data):
            _view(heard, at, words(data.tentative))
        case TranscriptFinalMessage(data=data):
            heard.final_lags.append(at - heard.sent_at(data.end_s))
        case TranslationCommittedMessage(data=data):
            clauses[data.clause] = data.end_s
        case Speech() if len(event.pcm) and event.clause in clauses:
            heard.first_audio.append(at - heard.sent_at(clauses.pop(event.clause)))
        case SpeechSkippedMessage():
            heard.skipped += 1
        case ErrorMessage(data=data):
            heard.errors.append(f"{data.code}: {data.message}")
        case _:
            pass


def _view(heard: Heard, at: float, tentative: list[str]) -> None:
    heard.views.append(Shown(at, len(heard.settled), tentative))
    heard.texts.append([*heard.settled, *tentative])
