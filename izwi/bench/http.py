"""Recordings over HTTP in a closed loop: so many requests at once, each followed by the next."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from izwi.bench.figures import rate, tally
from izwi.errors import IzwiError
from izwi.percentiles import percentiles
from izwi.transcription_client import TranscriptionClient


@dataclass(frozen=True)
class Upload:
    """A media file in memory, so that no disk is measured."""

    name: str
    content: bytes


@dataclass
class Answers:
    """What a run saw."""

    latencies: list[float] = field(default_factory=list[float])
    """Seconds per recording, until the whole answer was there."""
    audio_s: float = 0.0
    wall_s: float = 0.0
    errors: list[str] = field(default_factory=list[str])
    """``code: message``"""

    def figures(self) -> dict[str, Any]:
        """For programs; times in seconds. ``rtf`` is wall-clock time over audio, with as many at once as there were."""
        return {
            "requests": len(self.latencies) + len(self.errors),
            "latency_s": percentiles(self.latencies),
            "requests_per_s": rate(len(self.latencies), self.wall_s),
            "audio_s": round(self.audio_s, 3),
            "wall_s": round(self.wall_s, 3),
            "rtf": round(self.wall_s / self.audio_s, 4) if self.audio_s else None,
            "errors": tally(self.errors),
        }


async def run(
    client: TranscriptionClient,
    uploads: Sequence[Upload],
    fields: Mapping[str, str | None],
    requests: int,
    at_once: int,
    done: Callable[[], None],
) -> Answers:
    """Ask ``requests`` times, with ``at_once`` requests under way, going round the files.

    One request before that is not counted: it opens connections and fills the server's caches.

    Args:
        done: called after each request.

    Raises:
        IzwiError: the first request failed.
    """
    await client.transcribe(uploads[0].name, uploads[0].content, fields)
    answers, began = Answers(), time.perf_counter()
    waiting = islice(cycle(uploads), requests)

    async def ask(uploads: Iterator[Upload]) -> None:
        for upload in uploads:
            try:
                heard = await client.transcribe(upload.name, upload.content, fields)
            except IzwiError as error:
                answers.errors.append(f"{error.code}: {error}")
            else:
                answers.latencies.append(heard.took_s)
                answers.audio_s += heard.audio_s
            done()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(ask(waiting))
    answers.wall_s = time.perf_counter() - began
    return answers
