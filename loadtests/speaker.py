"""One simulated speaker: streams a script at real-time pace and notes what it sees and when."""

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.errors import IzwiError, Overloaded
from izwi.evaluation.text import words
from izwi.messages import SessionStart
from izwi.stages import Samples
from loadtests.adapters.conversation import (
    Committed,
    Conversation,
    Failed,
    Final,
    Load,
    Observation,
    Partial,
    SpeechChunk,
    SpeechMerged,
    SpeechSkipped,
    Translated,
    opener,
)
from loadtests.delays import Erasure, Shown

CHUNK_S = 0.1
LATE_S = 0.25
"""A chunk this much behind its time was held up: by this client, which makes the run void, or by the server."""
PATIENCE_S = 90.0
"""How long after the end of the audio a speaker waits for the rest: a server that is behind may catch up."""


@dataclass
class Heard:
    """What one speaker saw. Times are `time.monotonic` seconds."""

    started_at: float = 0.0
    """When the session was open and the first sample began; 0 if it never was."""
    views: list[Shown] = field(default_factory=list)
    erasure: Erasure = field(default_factory=Erasure)
    final_lags: list[float] = field(default_factory=list)
    """Seconds from where the server says an utterance's speech ended to its final text."""
    translated: list[float] = field(default_factory=list)
    """Seconds from the end of a clause to its translation."""
    first_audio: list[float] = field(default_factory=list)
    """Seconds from the end of a clause to the first audio of its translation, or of what it is spoken together with."""
    load: list[Load] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """``code: message``, those that ended the session and those that did not."""
    refused: bool = False
    """The server had no room; nothing else was measured."""
    merged: int = 0
    """Clauses that were spoken together with an earlier one."""
    skipped: int = 0
    """Clauses that were not spoken."""
    chunks: int = 0
    """Sent."""
    late_chunks: int = 0
    """Sent too late because this client was too slow."""
    held_chunks: int = 0
    """Sent too late because the server took no more."""
    dropped_chunks: int = 0
    """Never sent, because the session ended early."""
    _utterances: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    _settled: int = 0
    _clauses: dict[int, float] = field(default_factory=dict)
    """Ends of the clauses that have not been heard, in seconds of the session's audio."""
    _together: dict[int, list[int]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Everything settled so far, as written."""
        return " ".join(text.strip() for text, _ in self._utterances.values())

    @property
    def settled(self) -> list[str]:
        """Its words, without case and punctuation."""
        return [word for _, part in self._utterances.values() for word in part]

    def sent_at(self, time_s: float) -> float:
        """When the audio up to ``time_s`` should have left."""
        return self.started_at + time_s

    def note(self, seen: Observation) -> None:
        """Take in what was seen. Texts count for erasure only where a client would render them."""
        match seen:
            case Partial(at, utterance, committed, tentative):
                self._settle(utterance, committed)
                self._view(at, words(tentative))
                self.erasure.show(utterance, words(f"{committed} {tentative}"))
            case Committed(at, utterance, text):
                self._settle(utterance, self._utterances.get(utterance, ("", []))[0] + text)
                self._view(at, [])
            case Final(at, utterance, text, end_s):
                self._settle(utterance, text)
                self._view(at, [])
                self.erasure.close(utterance, words(text))
                if text.strip() and end_s is not None:
                    self.final_lags.append(at - self.sent_at(end_s))
            case Translated(at, clause, _, end_s):
                self._clauses[clause] = end_s
                self.translated.append(at - self.sent_at(end_s))
            case SpeechChunk(at, clause):
                for said in (clause, *self._together.pop(clause, ())):
                    if said in self._clauses:
                        self.first_audio.append(at - self.sent_at(self._clauses.pop(said)))
            case SpeechMerged(_, clause, into):
                self.merged += 1
                self._together.setdefault(into, []).append(clause)
            case SpeechSkipped():
                self.skipped += 1
            case Load():
                self.load.append(seen)
            case Failed(_, code, message):
                self.errors.append(f"{code}: {message}")
            case _:
                pass

    def _settle(self, utterance: str, text: str) -> None:
        before = self._utterances.get(utterance, ("", []))
        if text != before[0]:
            self._utterances[utterance] = (text, words(text))
            self._settled += len(self._utterances[utterance][1]) - len(before[1])

    def _view(self, at: float, tentative: list[str]) -> None:
        self.views.append(Shown(at, self._settled, tentative))


async def speak(url: str, start: SessionStart, audio: Samples, heard: Heard, protocol: str = "izwi") -> Heard:
    """Stream ``audio``; chunks leave on schedule, and delays count from the schedule: no coordinated omission."""
    try:
        async with (
            asyncio.timeout(len(audio) / SAMPLE_RATE + PATIENCE_S),
            opener(protocol)(url, start) as conversation,
        ):
            heard.started_at = time.monotonic()
            await _converse(conversation, audio, heard)
    except IzwiError as error:
        heard.refused = isinstance(error, Overloaded) and not heard.started_at
        if not heard.refused:
            heard.errors.append(f"{error.code}: {error}")
    except TimeoutError:
        heard.errors.append(f"no_end: the session was not over {PATIENCE_S:.0f} s after the end of its audio")
    if heard.started_at:
        heard.dropped_chunks = len(_pieces(audio)) - heard.chunks
    return heard


async def _converse(conversation: Conversation, audio: Samples, heard: Heard) -> None:
    sending = asyncio.create_task(_send(conversation, audio, heard))
    try:
        async for seen in conversation:
            heard.note(seen)
        await sending
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        if not sending.cancelled():
            sending.exception()  # the reader's error is the one that tells


async def _send(conversation: Conversation, audio: Samples, heard: Heard) -> None:
    free_at = heard.started_at
    for number, piece in enumerate(_pieces(audio)):
        due = heard.started_at + (number + 1) * CHUNK_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        woke_at = time.monotonic()
        heard.late_chunks += woke_at - max(due, free_at) > LATE_S
        await conversation.send(piece)
        free_at = time.monotonic()
        heard.held_chunks += free_at - woke_at > LATE_S
        heard.chunks += 1
    await conversation.end()


def _pieces(audio: Samples) -> list[Samples]:
    step = int(CHUNK_S * SAMPLE_RATE)
    return np.array_split(audio, range(step, len(audio), step))
