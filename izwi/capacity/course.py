"""How a server fares while speakers come and go, second by second: for any number of them.

Each second is in equilibrium (`izwi.capacity.flow`), with the replicas that are there and as many speakers as happen to
speak. What needs more care than that is simulated call by call (`izwi.capacity.simulation`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from izwi.capacity.autoscaling import Autoscaler, Load
from izwi.capacity.flow import Flow, Habits, habits, recognition
from izwi.capacity.price import TTS_WORKERS, Prices
from izwi.capacity.scenario import Moment, Scenario, Servers
from izwi.capacity.speech import Speech
from izwi.errors import Overloaded
from izwi.settings import Settings

STEP_S = 1.0
ONE_CORE = ("ingress", "vad")
"""Deployments whose replicas use one core each at most: an event loop, and a worker."""
LEAST_WORKERS = 0.05
"""What recognition gets of a machine that other work fills."""


def course(
    scenario: Scenario, servers: Servers, prices: Prices, settings: Settings, speech: Speech, every_s: float
) -> Iterator[Moment]:
    """A `Moment` every so many seconds. An hour of a hundred thousand speakers takes seconds."""
    run = _Course(scenario, servers, prices, settings, habits(speech.clips, settings))
    flows: list[Flow] = []
    refused = 0
    steps = round(scenario.length_s / STEP_S)
    for number in range(1, steps + 1):
        flow, turned_away = run.step(number * STEP_S)
        flows += [flow] if flow else []
        refused += turned_away
        if number % max(1, round(every_s / STEP_S)) == 0 or number == steps:
            yield Moment(
                at_s=number * STEP_S,
                sessions=run.sessions,
                refused=refused,
                replicas=run.replicas(),
                shown_p50_s=round(float(np.mean([one.shown_p50_s for one in flows])), 3) if flows else None,
                shown_p95_s=round(float(np.mean([one.shown_p95_s for one in flows])), 3) if flows else None,
            )
            flows, refused = [], 0


class _Course:
    def __init__(
        self, scenario: Scenario, servers: Servers, prices: Prices, settings: Settings, spoken: Habits
    ) -> None:
        self._scenario = scenario
        self._servers = servers
        self._prices = prices
        self._settings = settings
        self._spoken = spoken
        self._source = np.random.default_rng(scenario.seed)
        arrivals = self._source.uniform(0, scenario.ramp_s, scenario.speakers)
        self._coming = Counter(int(at_s // STEP_S) + 1 for at_s in arrivals)
        self._leaving: Counter[int] = Counter()
        self._wait_s = 0.0
        self._backlog = dict.fromkeys(ONE_CORE, 0.0)
        """Core-seconds of work that wait."""
        self.sessions = 0
        names = ["ingress", "vad", "asr", *(["mt"] if prices.mt else []), *(["tts"] if prices.tts else [])]
        self._ready = {name: servers.begin(name) for name in names}
        self._scalers = {
            name: Autoscaler(scaling, servers.node_start_s + prices.replica(name).start_s, servers.begin(name))
            for name, scaling in servers.scaling.items()
            if name in names
        }

    def replicas(self) -> dict[str, int]:
        return dict(self._ready)

    def step(self, now: float) -> tuple[Flow | None, int]:
        """One second: who comes and goes, and how those fare who speak (None where nobody does); how many were turned
        away."""
        number = round(now / STEP_S)
        self.sessions -= self._leaving.pop(number, 0)
        refused = self._admit(number)
        speaking = int(self._source.binomial(self.sessions, self._scenario.duty))
        behind_s = self._fall_behind()
        flow = self._recognise(speaking, behind_s) if speaking else None
        self._wait_s = flow.wait_s if flow else 0.0
        loads = self._loads(speaking, flow)
        for name, scaler in self._scalers.items():
            self._ready[name] = scaler.step(now, loads[name])
        return flow, refused

    def _admit(self, number: int) -> int:
        """Newcomers begin where there is room; the others come back."""
        came = self._coming.pop(number, 0)
        room = max(0, self._ready["ingress"] * self._settings.max_concurrent_sessions - self.sessions)
        if self._wait_s > self._settings.backpressure_threshold:
            room = 0
        begun = min(came, room)
        self.sessions += begun
        self._leaving[number + round(self._scenario.seconds / STEP_S)] += begun
        if came > begun:
            spread = range(round(Overloaded.retry_after_s or 1), round(1.5 * (Overloaded.retry_after_s or 1)))
            shares = self._source.multinomial(came - begun, [1 / len(spread)] * len(spread))
            for later_s, share in zip(spread, shares, strict=True):
                self._coming[number + round(later_s / STEP_S)] += int(share)
        return came - begun

    def _fall_behind(self) -> float:
        """Seconds that audio waits for an ingress and a detector. What they do for a session does not become less where
        they are late, as recognition does: where it takes more than a core of each, they are ever later."""
        behind_s = 0.0
        for name in ONE_CORE:
            more = (self._used(name) - self._ready[name]) * STEP_S
            self._backlog[name] = max(0.0, self._backlog[name] + more) if self.sessions else 0.0
            behind_s += self._backlog[name] / self._ready[name]
        return behind_s

    def _used(self, name: str) -> float:
        """Cores that the sessions ask of a deployment."""
        company = max(1.0, self.sessions / self._ready["ingress"])
        return self.sessions * self._prices.session(name, company, self._scenario.duty)

    def _recognise(self, speaking: int, behind_s: float) -> Flow:
        per_replica = self._settings.asr.workers
        workers = float(self._ready["asr"] * per_replica)
        ingresses = self._ready["ingress"]
        if (cores := self._servers.cores) is not None:
            other = self._prices.background(self.sessions, ingresses, self._scenario.duty)
            workers = max(LEAST_WORKERS, min(workers, cores - other))
        places = ingresses * per_replica * self._ready["asr"]
        flow = recognition(speaking, workers, places, self._prices, self._settings, self._spoken)
        return replace(flow, shown_p50_s=flow.shown_p50_s + behind_s, shown_p95_s=flow.shown_p95_s + behind_s)

    def _loads(self, speaking: int, flow: Flow | None) -> dict[str, Load]:
        """Calls under way by Little's law; a session keeps one of the ingress' as long as it lasts, and has one
        synthesis at a time."""
        prices = self._prices
        detecting = min(self._used("vad"), self._ready["vad"])
        found = {
            "ingress": Load(self.sessions),
            "vad": Load(cpu=detecting / (self._ready["vad"] * self._settings.vad.resources.cpus), speakers=speaking),
            "asr": Load(),
        }
        if flow is not None:
            workers, update_s = self._ready["asr"] * self._settings.asr.workers, self._settings.session.update_ms / 1000
            found["asr"] = Load(speakers=speaking, busy=flow.busy / workers, stretch=flow.period_s / update_s)
        if prices.mt is not None:
            found["mt"] = Load(speaking * self._spoken.clauses_per_s * prices.mt.clause_s)
        if prices.tts is not None:
            saying = speaking * self._spoken.chars_per_s * prices.tts.char_s * prices.tts.wall_s
            found["tts"] = Load(saying if saying < TTS_WORKERS * self._ready["tts"] else float(speaking))
        return found
