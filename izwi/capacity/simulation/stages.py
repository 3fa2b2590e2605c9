"""The stages of a simulated server: each call takes the time that the cost table names, on a machine that is shared."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from izwi.batching import Batcher
from izwi.capacity.costs import not_measured
from izwi.capacity.price import Prices
from izwi.capacity.simulation.machine import Machine
from izwi.capacity.speech import LOUD
from izwi.pieces import split_for_speech
from izwi.segmenter import FRAME
from izwi.settings import Settings
from izwi.stages import (
    AsrRequest,
    AsrResult,
    MtRequest,
    MtResult,
    Stages,
    Timing,
    TtsChunk,
    TtsRequest,
    VadRequest,
    VadResult,
    Word,
)

LINGER_S = 0.02
"""That a detector call waits for company (deployments/ingress/calls.py); the rest of its way is work."""
SPEECH_RATE = 8000
"""Of simulated speech, in Hz: only its length matters."""

Hear = Callable[[AsrRequest], tuple[Word, ...]]
"""What a session's audio says."""


class Workers:
    """The workers of all replicas of a deployment, taken in order of asking; their number may change."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.busy = 0
        self._changed = asyncio.Condition()
        self._queue: list[object] = []

    @property
    def ongoing(self) -> int:
        """Calls under way or waiting for a worker."""
        return self.busy + len(self._queue)

    async def __aenter__(self) -> None:
        me = object()
        self._queue.append(me)
        async with self._changed:
            try:
                await self._changed.wait_for(lambda: self.busy < self.count and self._queue[0] is me)
            finally:
                self._queue.remove(me)
                self._changed.notify_all()
            self.busy += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._changed:
            self.busy -= 1
            self._changed.notify_all()

    async def resize(self, count: int) -> None:
        """Calls under way end where they are."""
        async with self._changed:
            self.count = count
            self._changed.notify_all()


@dataclass
class Spent:
    """What recognition did."""

    windows: int = 0
    calls: int = 0


@dataclass
class Pools:
    """The replicas that all ingresses share."""

    machine: Machine
    prices: Prices
    settings: Settings
    asr: Workers
    tts: Workers
    source: random.Random
    spent: Spent = field(default_factory=Spent)

    def chance(self, spread: float) -> float:
        """A factor of mean 1 with this standard deviation, never negative (gamma distributed)."""
        return self.source.gammavariate(spread**-2, spread**2) if spread else 1.0


class Ingress:
    """One ingress replica's turns at the stages; see `deployments.ingress.calls.StageCalls`.

    Args:
        places: recognition calls that may be under way from here.
        ingresses: that there are, this one included.
    """

    def __init__(self, pools: Pools, places: int, ingresses: int) -> None:
        self._pools = pools
        self.sessions = 0
        self._turns: Batcher[tuple[AsrRequest, Hear], AsrResult] = Batcher(
            self._recognise, places, pools.settings.asr.batch
        )
        self._ingresses = ingresses
        self.resize(places)

    def resize(self, places: int) -> None:
        """There are more or fewer recognisers than before."""
        self._turns.resize(places, self._ingresses)

    @property
    def wait_s(self) -> float:
        """See `Batcher.wait_s`."""
        return self._turns.wait_s

    def stages(self, hear: Hear) -> Stages:
        """For one session."""

        async def asr(take: Callable[[], AsrRequest], urgent: bool) -> AsrResult:
            return await self._turns.ask(lambda: (take(), hear), urgent)

        return Stages(self._detect, asr, self._translate, self._say, spacing=self._turns.spacing)

    @property
    def _way_s(self) -> float:
        """To a replica and back: most of what a lone client waits for its echo."""
        return max(0.0, self._pools.prices.table.machine.echo_s - LINGER_S) / self._pools.machine.rate

    async def _detect(self, request: VadRequest) -> VadResult:
        """Its processor time is in what a stream costs, which is the machine's background. The way back to the client
        is in this time as well: what a session knows the earlier, its client sees the later."""
        await asyncio.sleep(LINGER_S + self._way_s)
        peaks = np.abs(request.samples.reshape(-1, FRAME)).mean(axis=1)
        return VadResult(
            tuple(0.95 if peak >= LOUD / 2 else 0.05 for peak in peaks), request.state, Timing("simulated")
        )

    async def _recognise(self, asked: Sequence[tuple[AsrRequest, Hear]], urgent: bool) -> list[AsrResult]:
        """As the deployment does it: equally careful windows are decoded together, different ones side by side."""
        alike: dict[tuple[bool, bool], list[AsrRequest]] = defaultdict(list)
        for request, _ in asked:
            alike[request.final, request.beam].append(request)
        await asyncio.sleep(self._way_s)
        await asyncio.gather(*(self._decode(group) for group in alike.values()))
        return [AsrResult(hear(request), request.language or "", 1.0, Timing("simulated")) for request, hear in asked]

    async def _decode(self, requests: Sequence[AsrRequest]) -> None:
        pools = self._pools
        window_s = max(len(request.samples) for request in requests) / 16_000
        careful = requests[0].final and requests[0].beam
        async with pools.asr:
            work_s = pools.prices.asr.core_s(window_s, len(requests), careful=careful)
            await pools.machine.run(work_s * pools.chance(pools.prices.asr.spread(careful=careful)))
        pools.spent.windows += len(requests)
        pools.spent.calls += 1

    async def _translate(self, request: MtRequest) -> MtResult:
        if (row := self._pools.prices.mt) is not None:
            await self._pools.machine.run(row.clause_s)
        return MtResult(request.text, Timing("simulated"))

    async def _say(self, request: TtsRequest) -> AsyncGenerator[TtsChunk]:
        row, tts = self._pools.prices.tts, self._pools.settings.tts
        if row is None:
            raise not_measured(f"speech in {request.language}")
        for piece in split_for_speech(request.text, tts.first_piece_chars, tts.piece_chars):
            seconds = len(piece) * row.char_s / request.speed
            async with self._pools.tts:
                await self._pools.machine.run(seconds * row.wall_s, row.core_s / row.wall_s)
            yield TtsChunk(np.zeros(round(seconds * SPEECH_RATE), np.int16), SPEECH_RATE, Timing("simulated"))
