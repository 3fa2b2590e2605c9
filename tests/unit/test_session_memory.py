"""What a session holds of a client that sends faster than it is heard."""

import asyncio

import numpy as np
import pytest

from izwi import session
from tests.unit.scripted import Script, run, silence, speech


async def test_all_utterances_together_hold_no_more_than_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HELD_S", 6.0)
    seconds = 0.0
    waiting: list[float] = []
    hears = asyncio.Event()

    class Slow(Script):
        async def _asr(self, take, urgent):  # type: ignore[no-untyped-def]
            await hears.wait()
            return await super()._asr(take, urgent)

    async def pace() -> None:
        nonlocal seconds
        seconds += 0.1

    one = np.concatenate([speech("one", "two", "three", "four", "five."), silence(1)])
    running = asyncio.create_task(run(np.concatenate([one] * 10), Slow(), pace=pace))
    for _ in range(50):
        await asyncio.sleep(0.01)
        waiting.append(seconds)
    assert waiting[-1] == waiting[-2] < 15, "30 s are there, and nothing of them has been heard"
    hears.set()
    heard = await running
    assert heard.finals == ["one two three four five."] * 10
