"""So many speakers at once, call by call: what each sees, and what the server does for it."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from izwi import messages as m
from izwi.capacity.autoscaling import Autoscaler, Load
from izwi.capacity.price import TTS_WORKERS, Prices
from izwi.capacity.scenario import Moment, Scenario, Servers
from izwi.capacity.simulation import clock
from izwi.capacity.simulation.machine import Machine
from izwi.capacity.simulation.speaker import Seen, Speaker
from izwi.capacity.simulation.stages import Ingress, Pools, Workers
from izwi.capacity.speech import Clip, pause_for, script
from izwi.errors import Overloaded
from izwi.percentiles import Percentiles, percentiles
from izwi.settings import Settings

MOMENT_S = 10.0
"""Between two looks at what is seen."""


@dataclass(frozen=True)
class Figures:
    """Of one run, named as those of the bench (`loadtests.figures`) are."""

    speakers: int
    word_shown_s: Percentiles
    final_lag_s: Percentiles
    first_audio_s: Percentiles
    asr_passes_per_s: float
    """Per second of each speaker's stream."""
    batch: float
    """Windows per recognition call."""
    cpu_cores: float
    skipped_speech: int
    moments: tuple[Moment, ...]


def simulate(
    scenario: Scenario,
    servers: Servers,
    prices: Prices,
    settings: Settings,
    clips: Sequence[Clip],
    start: m.SessionStart,
) -> Figures:
    """Let speakers talk, as `loadtests.ramp.run` does it on a real server: with the seed of a bench each of them says
    what was said there. A second of one speaker takes 2 ms."""
    return clock.run(_Run(scenario, servers, prices, settings, clips, start).run())


class _Run:
    def __init__(
        self,
        scenario: Scenario,
        servers: Servers,
        prices: Prices,
        settings: Settings,
        clips: Sequence[Clip],
        start: m.SessionStart,
    ) -> None:
        self._scenario = scenario
        self._servers = servers
        self._prices = prices
        self._settings = settings
        self._clips = clips
        self._start = start
        self._sessions = self._refused = 0
        self._seen: list[Seen] = []
        self._speakers: list[Speaker] = []
        self._moments: list[Moment] = []

    async def run(self) -> Figures:
        scenario, servers, prices, settings = self._scenario, self._servers, self._prices, self._settings
        workers = settings.asr.workers
        asr, tts = Workers(workers * servers.begin("asr")), Workers(TTS_WORKERS * servers.begin("tts"))
        measured = prices.table.machine
        self._machine = Machine(self._cores(), measured.crowding, self._background(0), measured.cores)
        pools = Pools(self._machine, prices, settings, asr, tts, random.Random(scenario.luck))
        ingresses = servers.begin("ingress")
        self._ingresses = [Ingress(pools, asr.count, ingresses) for _ in range(ingresses)]
        source = random.Random(scenario.seed)
        arrivals = [source.uniform(0, scenario.ramp_s) for _ in range(scenario.speakers)]
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(asr, tts))
            await asyncio.gather(*(self._talk(number, at_s) for number, at_s in enumerate(arrivals)))
            watching.cancel()
        return self._figures(pools)

    async def _talk(self, number: int, arrival_s: float) -> None:
        scenario, seed = self._scenario, self._scenario.seed * 1000 + number
        await asyncio.sleep(arrival_s)
        ingress = self._ingresses[number % len(self._ingresses)]
        again = random.Random(seed)
        while (
            ingress.wait_s > self._settings.backpressure_threshold
            or ingress.sessions >= self._settings.max_concurrent_sessions
        ):
            self._refused += 1
            await asyncio.sleep((Overloaded.retry_after_s or 1.0) * again.uniform(1.0, 1.5))
        placed = script(self._clips, scenario.seconds, seed, pause_for(self._clips, scenario.duty))
        speaker = Speaker(placed, self._prices, self._settings, seed + scenario.luck * 1_000_003)
        self._seen.append(speaker.seen)
        self._speakers.append(speaker)
        self._count(ingress, 1)
        await speaker.talk(ingress, self._start)
        self._count(ingress, -1)

    def _count(self, ingress: Ingress, change: int) -> None:
        ingress.sessions += change
        self._sessions += change
        self._machine.load(self._background(self._sessions))

    def _background(self, sessions: int) -> float:
        """Cores that open sessions take besides their calls to engines, and the idle server's own."""
        return self._prices.background(sessions, self._servers.begin("ingress"), self._scenario.duty)

    def _cores(self) -> float:
        """Nodes have room for whatever replicas there are, unless a machine is named."""
        if self._servers.cores is not None:
            return self._servers.cores
        threads = self._settings.asr.workers * self._servers.most("asr") + 2 * TTS_WORKERS * self._servers.most("tts")
        return threads + self._background(self._scenario.speakers)

    async def _watch(self, asr: Workers, tts: Workers) -> None:
        """Scales, and notes what there is every while."""
        per_replica = {"asr": self._settings.asr.workers, "tts": TTS_WORKERS}
        pools = {"asr": asr, "tts": tts}
        scalers = {
            name: Autoscaler(
                self._servers.scaling[name],
                self._servers.node_start_s + self._prices.replica(name).start_s,
                self._servers.begin(name),
            )
            for name in pools
            if name in self._servers.scaling and (name != "tts" or self._prices.tts is not None)
        }
        refused, steps = 0, 0
        while True:
            await asyncio.sleep(1.0)
            now, steps = asyncio.get_running_loop().time(), steps + 1
            for name, scaler in scalers.items():
                await pools[name].resize(per_replica[name] * scaler.step(now, self._load(pools[name])))
            for ingress in self._ingresses:
                ingress.resize(asr.count)
            if steps % MOMENT_S == 0:
                counts = {name: pool.count // per_replica[name] for name, pool in pools.items()}
                self._moments.append(self._moment(now, self._refused - refused, counts))
                refused = self._refused

    def _load(self, pool: Workers) -> Load:
        stretches = [stretch for speaker in self._speakers if (stretch := speaker.stretch) is not None]
        return Load(
            ongoing=pool.ongoing,
            speakers=len(stretches),
            busy=pool.busy / pool.count,
            stretch=sum(stretches) / len(stretches) if stretches else 1.0,
        )

    def _moment(self, now: float, refused: int, counts: dict[str, int]) -> Moment:
        delays = [
            delay
            for seen in self._seen
            for at, delay in zip(seen.shown_at_s, seen.shown_s, strict=True)
            if at > now - MOMENT_S
        ]
        shown = percentiles(delays)
        return Moment(now, self._sessions, refused, counts, shown["p50"], shown["p95"])

    def _figures(self, pools: Pools) -> Figures:
        seen, spent = self._seen, pools.spent
        spoken_s = sum(one.spoken_s for one in seen)
        return Figures(
            speakers=self._scenario.speakers,
            word_shown_s=percentiles([delay for one in seen for delay in one.shown_s]),
            final_lag_s=percentiles([delay for one in seen for delay in one.final_s]),
            first_audio_s=percentiles([delay for one in seen for delay in one.first_audio_s]),
            asr_passes_per_s=spent.windows / spoken_s,
            batch=spent.windows / max(1, spent.calls),
            cpu_cores=self._machine.account() / asyncio.get_running_loop().time(),
            skipped_speech=sum(one.skipped for one in seen),
            moments=tuple(self._moments),
        )
