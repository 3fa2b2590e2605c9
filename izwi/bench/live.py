"""Live sessions at the pace of speech: how soon each starts, shows its first words and settles what was said."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.bench.figures import tally
from izwi.client import IzwiClient, Session, stream_paced
from izwi.errors import IzwiError, ProtocolViolation
from izwi.latency import LatencyMeter
from izwi.messages import ErrorMessage, SessionStart, TranscriptFinalMessage
from izwi.pacing import SendClock
from izwi.percentiles import percentiles
from izwi.stages import Samples

PAUSE_S = 0.6
"""Between two recordings, and at the end: longer than the endpoint, so that each is an utterance at least."""
PATIENCE_S = 60.0
"""After the last sample, for a server that is behind."""
LATE_S = 0.25
"""A chunk this much behind its time was held up, by this machine or by a server that took no more."""


@dataclass
class Seen:
    """What one session saw; times in seconds."""

    started_s: float | None = None
    """From the attempt to connect until the server said that the session had started."""
    first_partials: list[float] = field(default_factory=list[float])
    """Per utterance, from its onset until any text of it."""
    final_lags: list[float] = field(default_factory=list[float])
    """Per utterance, from the end of its speech until its final text."""
    words: int = 0
    resumes: int = 0
    sent_late_s: float = 0.0
    """The latest that a chunk left."""
    errors: list[str] = field(default_factory=list[str])
    """``code: message``"""


def talk(recordings: Sequence[Samples], seconds: float, first: int) -> Samples:
    """What one session says: recordings in turn from number ``first`` on, cut to ``seconds``, and a pause."""
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), np.float32)
    size, pieces, length = int(seconds * SAMPLE_RATE), list[Samples](), 0
    for recording in _from(recordings, first):
        pieces += [recording, pause]
        length += len(recording) + len(pause)
        if length >= size:
            break
    return np.concatenate([np.concatenate(pieces)[:size], pause])


def _from(recordings: Sequence[Samples], first: int) -> Iterator[Samples]:
    return islice(cycle(recordings), first % len(recordings), None)


async def run(
    url: str, api_key: str | None, recordings: Sequence[Samples], sessions: int, seconds: float, language: str | None
) -> list[Seen]:
    """Let ``sessions`` speakers talk for ``seconds`` each; they come within the first second, as people never do all
    at the same time.

    Args:
        recordings: speech at 16 kHz, float32 of shape (n,), each.
    """
    start = SessionStart(source_language=language or "auto")

    async def speaker(number: int) -> Seen:
        await asyncio.sleep(number / sessions)
        return await _speak(IzwiClient(url, api_key=api_key), start, talk(recordings, seconds, number))

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(speaker(number)) for number in range(sessions)]
    return [task.result() for task in running]


async def _speak(client: IzwiClient, start: SessionStart, samples: Samples) -> Seen:
    seen, began = Seen(), time.monotonic()
    try:
        async with asyncio.timeout(len(samples) / SAMPLE_RATE + PATIENCE_S), client.session(start) as session:
            seen.started_s = time.monotonic() - began
            await _converse(session, samples, seen)
    except* IzwiError as group:
        seen.errors.append(_told(group))
    except* TimeoutError:
        seen.errors.append(f"not over {PATIENCE_S:.0f} s after the end of its audio")
    else:
        if not seen.words:
            seen.errors.append("nothing was heard")
    return seen


async def _converse(session: Session, samples: Samples, seen: Seen) -> None:
    meter, began = LatencyMeter(session.sent), time.monotonic()
    try:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(_send(session, samples))
            async for event in session:
                meter.add(event, session.received_at)
                match event:
                    case TranscriptFinalMessage(data=data):
                        seen.words += len(data.text.split())
                    case ErrorMessage(data=data):
                        seen.errors.append(f"{data.code}: {data.message}")
                    case _:
                        pass
            sending.cancel()  # the server may end a session early
    finally:
        seen.first_partials = list(meter.first_partial.values())
        seen.final_lags = list(meter.final_after_speech.values())
        seen.resumes, seen.sent_late_s = session.resumes, sent_late(session.sent, began)


async def _send(session: Session, samples: Samples) -> None:
    try:
        await stream_paced(session, [samples])
        await session.end()
    except ProtocolViolation:  # the server ended the session early; the receiving side says why
        pass


def _told(group: ExceptionGroup[IzwiError]) -> str:
    """The first of what went wrong: the sending and the receiving side may both say so."""
    first = group.exceptions[0]
    return _told(first) if isinstance(first, ExceptionGroup) else f"{first.code}: {first}"


def sent_late(sent: SendClock, began: float) -> float:
    """Seconds by which the latest piece left after its time, where the first sample was spoken at ``began``."""
    times = np.arange(0.1, sent.samples / SAMPLE_RATE, 0.1)
    return max((at - began - time_s for time_s in times.tolist() if (at := sent.at(time_s)) is not None), default=0.0)


def figures(seen: Sequence[Seen]) -> dict[str, Any]:
    """For programs; times in seconds, over all sessions."""
    return {
        "sessions": len(seen),
        "session_start_s": percentiles([one.started_s for one in seen if one.started_s is not None]),
        "first_partial_s": percentiles([value for one in seen for value in one.first_partials]),
        "final_lag_s": percentiles([value for one in seen for value in one.final_lags]),
        "utterances": sum(len(one.final_lags) for one in seen),
        "words": sum(one.words for one in seen),
        "resumes": sum(one.resumes for one in seen),
        "sent_late_s": round(max((one.sent_late_s for one in seen), default=0.0), 3),
        "errors": tally([error for one in seen for error in one.errors]),
    }
