"""A recogniser whose batches are remembered, behind a `Batcher`."""

import asyncio
from collections.abc import Sequence

from izwi.batching import Batcher


class Engine:
    """Answers a batch when told to; remembers what it was asked together."""

    def __init__(self, places: int = 1, size: int = 1) -> None:
        self.batches: list[list[str]] = []
        self.turns: Batcher[str, str] = Batcher(self._answer, places, size)
        self.inside = 0
        self.most = 0
        self.gate = asyncio.Event()

    async def _answer(self, requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        self.batches.append(list(requests))
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.gate.wait()
        self.inside -= 1
        return [ValueError(name) if name.startswith("bad") else name.upper() for name in requests]

    async def line_up(self, names: Sequence[tuple[str, bool]]) -> list[str | BaseException]:
        """Everybody comes while the first one holds a place."""
        asked = []
        for name, urgent in names:
            asked.append(asyncio.create_task(self.turns.ask(lambda name=name: name, urgent)))
            await asyncio.sleep(0)
        self.gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)
