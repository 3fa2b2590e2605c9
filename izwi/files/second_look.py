"""A language model's second look at the segments of a recording: a few at once, however many there are. Pure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from izwi.files.segments import Segment
from izwi.pieces import join_texts
from izwi.stages import Corrected, LlmRequest, Timing

AT_ONCE = 4
"""Segments of one recording that are asked for together: as many as a replica has places for recordings, so that
several of those take turns."""
PATIENCE = 8
"""Texts in a row without an answer in time, after which no more is asked: each would take its whole limit, and a long
recording as long as a request may."""


class SecondLook:
    """At one recording.

    Args:
        ask: raises nothing.
        note: told the stage and the timing of each call.
    """

    def __init__(self, ask: Callable[[LlmRequest], Awaitable[Corrected]], note: Callable[[str, Timing], None]) -> None:
        self._ask = ask
        self._note = note
        self._late = 0
        """Texts in a row without an answer in time."""

    async def at(self, requests: Sequence[LlmRequest]) -> list[Corrected]:
        """What became of each text, in order; those that are not asked for any more are marked ``timeout``, too."""
        found = [Corrected(request.text, "timeout") for request in requests]
        rest = iter(range(len(requests)))

        async def work() -> None:
            for place in rest:
                if self._late >= PATIENCE:
                    return
                found[place] = one = await self._ask(requests[place])
                self._late = self._late + 1 if one.llm == "timeout" else 0
                if one.llm != "off":
                    self._note("llm", one.timing)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        return found


def summary(segments: Sequence[Segment], role: str) -> dict[str, Any]:
    """All segments together. What is not ``applied`` everywhere is marked by what went wrong first."""
    looked = [segment.llm or Corrected(segment.text, "off") for segment in segments]
    status = next((one.llm for one in looked if one.llm != "applied"), "applied" if looked else "off")
    return {"llm": {"role": role, "status": status, "text": join_texts(one.text for one in looked)}}
