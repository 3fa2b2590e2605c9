"""Every recording of a manifest, heard by a server; one that fails does not stop the others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from izwi.errors import IzwiError, UnsupportedAudio
from izwi.evaluation.manifest import Item
from izwi.transcription_client import Heard, TranscriptionClient

ATTEMPTS = 3
"""At a recording that a passing state of the server refuses, such as too many requests at once."""
AGAIN_S = 1.0
"""Seconds before another attempt, where the kind of error does not say how long it takes to pass."""


@dataclass(frozen=True)
class Outcome:
    """What became of a recording: one of the two is None."""

    item: Item
    heard: Heard | None
    error: IzwiError | None = None


async def hear(
    client: TranscriptionClient,
    items: Sequence[Item],
    fields: Mapping[str, str | None],
    at_once: int,
    done: Callable[[], None],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> list[Outcome]:
    """Have all recordings transcribed.

    Args:
        fields: of the request; an item's own language goes first.
        at_once: requests under way.
        done: called after each recording.
        sleep: seconds, between attempts.

    Returns:
        One outcome for each of ``items``, in their order.
    """
    room = asyncio.Semaphore(at_once)

    async def one(item: Item) -> Outcome:
        async with room:
            outcome = await _outcome(client, item, fields, sleep)
        done()
        return outcome

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(item)) for item in items]
    return [task.result() for task in running]


async def _outcome(
    client: TranscriptionClient,
    item: Item,
    fields: Mapping[str, str | None],
    sleep: Callable[[float], Awaitable[object]],
) -> Outcome:
    try:
        content = await asyncio.to_thread(item.path.read_bytes)
    except OSError as error:
        return Outcome(item, None, UnsupportedAudio(f"{item.file} cannot be read: {error.strerror}"))
    attempt = 1
    while True:
        try:
            wanted = {**fields, "language": item.language or fields.get("language")}
            return Outcome(item, await client.transcribe(item.path.name, content, wanted))
        except IzwiError as error:
            if attempt == ATTEMPTS or not error.retryable:
                return Outcome(item, None, error)
            await sleep(error.retry_after_s or AGAIN_S)
        attempt += 1
