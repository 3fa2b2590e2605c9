"""When a pass over an utterance is due, in places that sessions seldom come to."""

import asyncio

from izwi.utterance import Utterance


async def test_one_that_ends_where_the_stream_begins_is_due_there() -> None:
    """Resumed at its first sample by a client that has no audio any more."""
    utterance = Utterance(0, 0, 0, 16_000)
    await utterance.close(0)
    async with asyncio.timeout(5):
        due = await utterance.due(4_800, 3_200)
    assert due.at == 0
