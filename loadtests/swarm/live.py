"""A live user: connects, speaks at the pace of speech, pauses, loses the connection and resumes, says goodbye."""

import asyncio
import random
import time
from contextlib import suppress

import structlog

from izwi.audio import SAMPLE_RATE
from izwi.client import RESUME_FOR_S, Session
from izwi.client_events import Event, Speech
from izwi.errors import IzwiError
from izwi.messages import (
    SessionResumedMessage,
    SessionStart,
    SpeechStartedMessage,
    TranscriptCommittedMessage,
    TranscriptFinalMessage,
    TranscriptPartialMessage,
)
from loadtests.speaker import CHUNK_S, LATE_S, PATIENCE_S
from loadtests.swarm.chunks import Processing
from loadtests.swarm.line import Line
from loadtests.swarm.scene import Scene
from loadtests.swarm.script import Script
from loadtests.swarm.words import Words

log = structlog.get_logger()
CHUNK = int(CHUNK_S * SAMPLE_RATE)
VISIT_JITTER = (0.7, 1.3)
RETRY_S = (2.0, 6.0)
"""Before somebody who was refused tries again."""
TELL_CHUNKS = 50
"""Chunks between two notes on how they were sent."""


async def visit(scene: Scene, source: random.Random, speech: bool, leaving: asyncio.Event) -> None:
    """One session, until its time is up or everybody is to leave.

    Args:
        source: of what this person says, when, and of their luck with connections.
        speech: whether the translation is to be spoken.
    """
    notes, line, began = scene.notes, Line(scene.socket, scene.api_key), time.monotonic()
    start = SessionStart(source_language="en", target_language="es", speech=speech, debug=True)
    try:
        async with Session(line.connect, start, time.monotonic, RESUME_FOR_S) as session:
            notes.times("session", [time.monotonic() - began])
            notes.count("sessions")
            try:
                await _Visit(scene, source, session, line).run(leaving)
            except (IzwiError, TimeoutError) as error:
                log.warning("session_lost", session=session.started.data.session_id, error=str(error))
                notes.error(f"session lost: {error.code if isinstance(error, IzwiError) else 'no end'}")
                notes.count("sessions lost")
    except IzwiError as error:
        notes.error(f"session refused: {error.code}")
        notes.count("sessions refused")
        with suppress(TimeoutError):
            await asyncio.wait_for(leaving.wait(), source.uniform(*RETRY_S))


class _Visit:
    """An open session."""

    def __init__(self, scene: Scene, source: random.Random, session: Session, line: Line) -> None:
        self._notes = scene.notes
        self._profile = scene.profile
        self._source = source
        self._session = session
        self._line = line
        self._script = Script(scene.clips, scene.profile.duty, scene.noise, source)
        self._started_at = time.monotonic()
        self._processing = Processing(scene.hop_s, CHUNK_S, self._due)
        self._words = Words(self._started_at, self._script, scene.references, scene.notes)
        self._seq = 0
        self._committed: dict[int, str] = {}

    async def run(self, leaving: asyncio.Event) -> None:
        """Raises what ended the session too early, TimeoutError where it does not end."""
        tasks = [asyncio.create_task(self._lose())] if self._profile.drop_every_s else []
        try:
            async with asyncio.timeout(None) as limit:
                sending = asyncio.create_task(self._send(leaving, limit))
                tasks.append(sending)
                async for event in self._session:
                    self._note(event, self._session.received_at)
                await sending
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # the reader's error is the one that tells
            self._words.close()
            self._processing.close()
            self._notes.count("chunks missed", self._processing.missed)

    def _due(self, time_s: float) -> float:
        return self._started_at + time_s

    async def _send(self, leaving: asyncio.Event, limit: asyncio.Timeout) -> None:
        """Chunks leave on schedule; after the last one the rest has to come within a time."""
        visit_s = self._profile.visit_s
        until = CHUNK_S * round((visit_s or 1e9) * self._source.uniform(*VISIT_JITTER) / CHUNK_S)
        number, free_at, worst, late, held = 0, self._started_at, 0.0, 0, 0
        while not (self._script.silent and (leaving.is_set() or number * CHUNK_S >= until)):
            number += 1
            due = self._due(number * CHUNK_S)
            piece, speech = self._script.read(CHUNK)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            woke_at = time.monotonic()
            lateness = woke_at - max(due, free_at)
            if speech:
                self._processing.sent(number * CHUNK_S)
            await self._session.send(piece)
            free_at = time.monotonic()
            worst, late, held = max(worst, lateness), late + (lateness > LATE_S), held + (free_at - woke_at > LATE_S)
            if number % TELL_CHUNKS == 0:
                self._tell(TELL_CHUNKS, worst, late, held)
                worst, late, held = 0.0, 0, 0
        self._tell(number % TELL_CHUNKS, worst, late, held)
        await self._session.end()
        limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)

    def _tell(self, chunks: int, worst: float, late: int, held: int) -> None:
        self._notes.times("sent_late", [worst])
        self._notes.count("chunks", chunks)
        self._notes.count("chunks late", late)
        self._notes.count("chunks held", held)

    async def _lose(self) -> None:
        """Bad networks."""
        while self._profile.drop_every_s is not None:
            await asyncio.sleep(self._source.expovariate(1 / self._profile.drop_every_s))
            self._line.cut()
            self._notes.count("connections cut")

    def _note(self, event: Event, at: float) -> None:
        match event:
            case SessionResumedMessage():
                if (away_s := self._line.resumed(at)) is not None:
                    self._notes.times("resume", [away_s])
            case SpeechStartedMessage(data=data):
                self._processing.onset(data.time_s)
            case TranscriptPartialMessage(data=data) if data.heard_s and data.due_s and data.update_ms:
                self._notes.times("chunk", self._processing.heard(data.heard_s, data.due_s, at))
                self._notes.times("update", [data.update_ms / 1000])
            case TranscriptCommittedMessage(data=data):
                self._committed[data.utterance] = self._committed.get(data.utterance, "") + data.text
            case TranscriptFinalMessage(data=data):
                if data.due_s is not None:
                    self._notes.times("chunk", self._processing.finished(data.end_s, data.due_s, at))
                if self._committed.pop(data.utterance, "").strip() != data.text:
                    self._notes.error("committed words and the final transcript differ")
            case _:
                pass
        if not isinstance(event, Speech) and event.durable:
            if event.seq != self._seq + 1:
                self._notes.error("durable events missing or repeated")
            self._seq = event.seq
        self._words.note(event, at)
