"""How many replicas of each deployment, cores and nodes so many speakers need, and why."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from izwi.capacity.costs import CUDA
from izwi.capacity.flow import Flow, Habits, habits, idle_period_s, recognition
from izwi.capacity.price import TTS_WORKERS, Prices
from izwi.capacity.speech import Speech
from izwi.errors import OutOfReach
from izwi.segmenter import FRAME_MS
from izwi.settings import Settings

MOST_REPLICAS = 2**20
"""Where the search for enough of them ends."""


@dataclass(frozen=True)
class Demand:
    """Who speaks, and what they are to get."""

    speakers: int
    """Sessions open at once."""
    duty: float = 1.0
    """Share of the time in which each of them speaks."""
    update_s: float = 0.6
    """Longest mean time between two updates of somebody who speaks."""
    delay_p95_s: float | None = None
    """Where 95 % of the words are to be seen so soon after they were said; None for whatever it is."""


@dataclass(frozen=True)
class Provision:
    """What is there to serve them."""

    utilisation: float = 0.7
    """Share of the workers' time that is planned with: the rest is for replicas that fail, and for busy minutes."""
    node_cores: int = 16
    node_memory_gb: float = 64.0
    node_gpus: int = 0


@dataclass(frozen=True)
class Need:
    """One deployment."""

    deployment: str
    replicas: int
    calls_per_s: float
    used: float
    """Cores in use on average; GPUs where recognition runs on them."""
    cores: float
    """To be there for its replicas."""
    gpus: float
    memory_gb: float
    why: str
    """How the number of replicas came about, for people."""


@dataclass(frozen=True)
class Plan:
    demand: Demand
    provision: Provision
    flow: Flow
    needs: tuple[Need, ...]
    cores: float
    """All of them, the idle server's own on each node included."""
    gpus: int
    memory_gb: float
    nodes: int
    stage_nodes: int
    """Enough for all replicas but those of the ingress, which have nodes of their own in a cluster."""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """Variables that make `izwi serve` a server of this size; none where it takes more than one machine."""

    @property
    def speakers_per_core(self) -> float:
        return self.demand.speakers / self.cores


def plan(demand: Demand, provision: Provision, prices: Prices, speech: Speech, settings: Settings) -> Plan:
    """Size a server. More speakers never get fewer replicas, a faster update never either.

    Raises:
        OutOfReach: an update or delay that even an idle server does not reach.
    """
    spoken = habits(speech.clips, settings)
    ingress = _ingress(demand, provision, prices, settings)
    flow, asr = _asr(demand, provision, prices, settings, spoken, ingress.replicas)
    company = demand.speakers / ingress.replicas
    vad = _vad(demand, provision, prices, company)
    needs = (ingress, vad, asr, *_translation(demand, provision, prices, settings, spoken))
    nodes, cores, memory_gb = _nodes(demand, provision, prices, needs)
    stage_nodes, _, _ = _nodes(demand, provision, prices, needs[1:])
    gpus = math.ceil(sum(need.gpus for need in needs))
    found = _variables(needs) if nodes == 1 else {}
    return Plan(demand, provision, flow, needs, cores, gpus, memory_gb, nodes, stage_nodes, found)


def _variables(needs: tuple[Need, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for need in needs:
        group = "INGRESS" if need.deployment == "ingress" else f"{need.deployment.upper()}__RESOURCES"
        for bound in ("MIN", "MAX"):
            found[f"IZWI_{group}__{bound}_REPLICAS"] = str(need.replicas)
    return found


def _ingress(demand: Demand, provision: Provision, prices: Prices, settings: Settings) -> Need:
    """Bounded by the sessions it may have, and by its event loop, which is one core."""
    most = settings.max_concurrent_sessions
    each = prices.session("ingress", min(most, demand.speakers), demand.duty)
    fit = min(most, max(1, math.floor(provision.utilisation / each))) if each else most
    replicas = math.ceil(demand.speakers / fit)
    used = demand.speakers * each
    why = f"{fit} sessions each: "
    why += "IZWI_MAX_CONCURRENT_SESSIONS" if fit == most else f"{100 * each:.1f} % of its one core for each session"
    return _need("ingress", replicas, 0.0, used, replicas, prices, why)


def _vad(demand: Demand, provision: Provision, prices: Prices, company: float) -> Need:
    """One worker per replica; calls between replicas cost more than the detector."""
    each = prices.session("vad", max(1.0, company), demand.duty)
    used = demand.speakers * each
    replicas = max(1, math.ceil(used / provision.utilisation))
    detector = prices.vad.frame_s * 1000 / FRAME_MS
    why = f"{100 * each:.1f} % of a core for each session, {100 * detector:.1f} % in the detector"
    return _need("vad", replicas, 0.0, used, replicas, prices, why)


def _asr(
    demand: Demand, provision: Provision, prices: Prices, settings: Settings, spoken: Habits, ingresses: int
) -> tuple[Flow, Need]:
    """The fewest replicas with which updates and words come soon enough."""
    lanes, speaking = _lanes(prices, settings), demand.speakers * demand.duty

    def flow(replicas: int) -> Flow:
        places = ingresses * replicas * settings.asr.workers
        return recognition(speaking, replicas * lanes, places, prices, settings, spoken)

    def enough(replicas: int) -> bool:
        found = flow(replicas)
        late = demand.delay_p95_s is not None and found.shown_p95_s > demand.delay_p95_s
        busy = found.busy > replicas * lanes * provision.utilisation
        return found.period_s <= demand.update_s and not late and not busy

    _check_reach(demand, flow(MOST_REPLICAS), idle_period_s(settings))
    replicas = _fewest(enough)
    found = flow(replicas)
    on_gpu = prices.asr.partial[0].device == CUDA
    why = f"{found.windows_per_s:.0f} windows a second in calls of {found.batch:.1f}, "
    why += f"an update every {found.period_s:.2f} s"
    need = _need(
        "asr",
        replicas,
        found.calls_per_s,
        found.busy,
        replicas * (settings.asr.resources.cpus if on_gpu else settings.asr.workers * settings.asr.threads),
        prices,
        why,
        gpus=replicas * settings.asr.resources.gpus if on_gpu else 0.0,
    )
    return found, need


def _lanes(prices: Prices, settings: Settings) -> float:
    """Cores, or the part of a card, that recognise in one replica."""
    if prices.asr.partial[0].device != CUDA:
        return settings.asr.workers  # costs are those of one thread
    if not settings.asr.resources.gpus:
        raise OutOfReach("recognition on cuda needs a part of a card: IZWI_ASR__RESOURCES__GPUS is 0")
    return settings.asr.resources.gpus


def _check_reach(demand: Demand, best: Flow, idle_s: float) -> None:
    if best.period_s > demand.update_s:
        raise OutOfReach(
            f"an update every {demand.update_s:g} s: an idle server makes one every {max(idle_s, best.period_s):.2f}; "
            "IZWI_SESSION__UPDATE_MS sets that"
        )
    if demand.delay_p95_s is not None and best.shown_p95_s > demand.delay_p95_s:
        raise OutOfReach(
            f"95 % of the words within {demand.delay_p95_s:g} s: on an idle server it takes {best.shown_p95_s:.2f} s"
        )


def _translation(
    demand: Demand, provision: Provision, prices: Prices, settings: Settings, spoken: Habits
) -> Iterator[Need]:
    speaking = demand.speakers * demand.duty
    clauses = speaking * spoken.clauses_per_s
    if prices.mt is not None:
        used = clauses * prices.mt.clause_s
        replicas = max(1, math.ceil(used / provision.utilisation))
        why = f"{1000 * prices.mt.clause_s:.1f} ms for each clause by {prices.mt.engine}"
        yield _need("mt", replicas, clauses, used, replicas, prices, why)
    if prices.tts is not None:
        row = prices.tts
        speech_s = speaking * spoken.chars_per_s * row.char_s  # seconds of it a second
        replicas = max(1, math.ceil(speech_s * row.wall_s / TTS_WORKERS / provision.utilisation))
        used = speech_s * row.core_s
        cores = replicas * TTS_WORKERS * row.core_s / row.wall_s
        why = f"{speech_s:.1f} s of speech a second, {row.core_s:.2f} core-seconds each by {row.engine}"
        yield _need("tts", replicas, clauses, used, cores, prices, why)


def _nodes(demand: Demand, provision: Provision, prices: Prices, needs: tuple[Need, ...]) -> tuple[int, float, float]:
    """Nodes, their cores in use and their memory: each also runs Ray and HAProxy, of which each session has a share."""
    proxies = demand.speakers * prices.session("proxy", demand.speakers, demand.duty)
    cores = sum(need.cores for need in needs) + proxies / provision.utilisation
    memory_gb = sum(need.memory_gb for need in needs)
    machine, own_gb = prices.table.machine, prices.replica("node").memory_mb / 1000
    room, room_gb = provision.node_cores - machine.idle_cores, provision.node_memory_gb - own_gb
    largest = max((need.memory_gb / need.replicas for need in needs), default=0.0)
    if room <= 0 or room_gb < largest:
        raise OutOfReach(f"nodes of {provision.node_cores} cores and {provision.node_memory_gb:g} GB hold no replica")
    nodes = max(math.ceil(cores / room), math.ceil(memory_gb / room_gb))
    gpus = sum(need.gpus for need in needs)
    if gpus and not provision.node_gpus:
        raise OutOfReach("recognition on cuda needs nodes with cards: --node-gpus is 0")
    if gpus:
        nodes = max(nodes, math.ceil(gpus / provision.node_gpus))
    return nodes, cores + nodes * machine.idle_cores, memory_gb + nodes * own_gb


def _need(
    deployment: str,
    replicas: int,
    calls_per_s: float,
    used: float,
    cores: float,
    prices: Prices,
    why: str,
    gpus: float = 0.0,
) -> Need:
    memory_gb = replicas * prices.replica(deployment).memory_mb / 1000
    return Need(deployment, replicas, calls_per_s, used, cores, gpus, memory_gb, why)


def _fewest(enough: Callable[[int], bool]) -> int:
    """The smallest number that is enough, where every larger one is as well."""
    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
