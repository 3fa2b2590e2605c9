"""Plans: what they say for round numbers, and what must hold for any."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from izwi.capacity.bounds import fragment
from izwi.capacity.costs import CUDA, CostTable
from izwi.capacity.plan import Demand, Plan, Provision, plan
from izwi.capacity.price import prices
from izwi.errors import NotMeasured, OutOfReach
from izwi.settings import Settings
from tests.capacity import SETTINGS, SPEECH, TABLE, priced

ROOT = Path(__file__).resolve().parents[2]
WHOLE = Provision(utilisation=1.0)


def replicas(made: Plan) -> dict[str, int]:
    return {need.deployment: need.replicas for need in made.needs}


def test_one_speaker_needs_one_of_each() -> None:
    made = plan(Demand(1), Provision(), priced("es"), SPEECH, SETTINGS)
    assert replicas(made) == {"ingress": 1, "vad": 1, "asr": 1, "mt": 1, "tts": 1}
    assert (made.nodes, made.gpus) == (1, 0)


def test_each_number_of_replicas_follows_from_its_costs() -> None:
    made = plan(Demand(1000, duty=0.5, update_s=1.0), WHOLE, priced("es"), SPEECH, SETTINGS)
    needs = {need.deployment: need for need in made.needs}
    each = 0.5 * 0.02 + 0.5 * 0.004  # cores of a session, in company
    # 83 sessions fill an event loop, 64 are allowed.
    assert (needs["ingress"].replicas, needs["ingress"].used) == (16, pytest.approx(1000 * each))
    assert needs["vad"].replicas == 12
    # A clause of 50 characters every 5 s of 500 speakers: 100 a second of 2 ms, and 2.5 s of speech each.
    assert (needs["mt"].calls_per_s, needs["mt"].used, needs["mt"].replicas) == (100, pytest.approx(0.2), 1)
    assert needs["tts"].used == pytest.approx(100 * 2.5 * 0.4)
    assert needs["tts"].replicas == 32  # 250 s of speech a second, a quarter of a second for each, two at once
    assert needs["asr"].calls_per_s * made.flow.batch == pytest.approx(500 / made.flow.period_s)
    assert made.flow.period_s == pytest.approx(1.0, rel=0.02)
    assert made.cores == pytest.approx(
        sum(need.cores for need in made.needs) + 1000 * each + made.nodes * 0.2  # HAProxy, and idle servers
    )
    assert made.memory_gb == pytest.approx(sum(replicas(made).values()) * 0.5 + made.nodes * 0.5)
    assert made.nodes > 1
    assert made.settings == {}  # nothing reads them on more than one machine


def test_one_machine_has_settings_and_a_cluster_has_files() -> None:
    small = plan(Demand(4), Provision(), priced("es"), SPEECH, SETTINGS)
    assert small.nodes == 1
    count = str(replicas(small)["asr"])
    assert small.settings["IZWI_ASR__RESOURCES__MIN_REPLICAS"] == small.settings["IZWI_ASR__RESOURCES__MAX_REPLICAS"]
    assert (small.settings["IZWI_ASR__RESOURCES__MAX_REPLICAS"], small.settings["IZWI_INGRESS__MAX_REPLICAS"]) == (
        count,
        "1",
    )
    large = plan(Demand(1000), Provision(), priced(), SPEECH, SETTINGS)
    found = yaml.safe_load(fragment(large))
    (application,) = found["applications"]
    bounds = {one["name"]: one["autoscaling_config"]["max_replicas"] for one in application["deployments"]}
    assert bounds == replicas(large)
    resources = {name: one.get("resources", one)["max_replicas"] for name, one in application["args"].items()}
    assert resources == bounds
    most = {one["groupName"]: one["maxReplicas"] for one in found["workerGroupSpecs"]}
    assert most == {"ingress": bounds["ingress"], "stages": large.stage_nodes}
    assert 1 <= large.stage_nodes <= large.nodes


def test_what_a_plan_names_is_in_the_files_of_a_cluster() -> None:
    """As the fragment has it: by the same names, at the same places."""
    found = yaml.safe_load(fragment(plan(Demand(1000), Provision(), priced("es"), SPEECH, SETTINGS)))
    base = ROOT / "cluster" / "kubernetes" / "base"
    (own,), (there,) = found["applications"], yaml.safe_load((base / "serve_config.yaml").read_text())["applications"]
    assert own["name"] == there["name"]
    assert own["args"].keys() <= there["args"].keys()
    for name, group in own["args"].items():
        assert group.keys() <= there["args"][name].keys()
        assert group.get("resources", {}).keys() <= there["args"][name].get("resources", {}).keys()
    configured = {one["name"]: one["autoscaling_config"] for one in there["deployments"]}
    assert all(one["autoscaling_config"].keys() <= configured[one["name"]].keys() for one in own["deployments"])
    cluster = yaml.safe_load((base / "rayservice.yaml").read_text())["spec"]["rayClusterConfig"]
    groups = {group["groupName"] for group in cluster["workerGroupSpecs"] if "maxReplicas" in group}
    assert {group["groupName"] for group in found["workerGroupSpecs"]} == groups


def test_nodes_are_bound_by_cores_or_by_memory() -> None:
    def nodes(cores: int, memory_gb: float) -> Plan:
        return plan(Demand(100), Provision(node_cores=cores, node_memory_gb=memory_gb), priced("es"), SPEECH, SETTINGS)

    by_cores, by_memory = nodes(8, 1000), nodes(1000, 4)
    assert by_cores.nodes == -(-round(1000 * (by_cores.cores - by_cores.nodes * 0.2)) // 7800)
    assert by_memory.nodes == -(-round(1000 * (by_memory.memory_gb - by_memory.nodes * 0.5)) // 3500)


def test_captions_need_no_voice() -> None:
    assert set(replicas(plan(Demand(10), Provision(), priced(), SPEECH, SETTINGS))) == {"ingress", "vad", "asr"}


@pytest.mark.parametrize(
    ("demand", "told"),
    [
        (Demand(1, update_s=0.2), "an update every 0.2 s: an idle server makes one every 0.40"),
        (Demand(1, delay_p95_s=0.3), "95 % of the words within 0.3 s"),
    ],
)
def test_what_no_number_of_replicas_brings_is_refused(demand: Demand, told: str) -> None:
    with pytest.raises(OutOfReach, match=told):
        plan(demand, Provision(), priced(), SPEECH, SETTINGS)


@pytest.mark.parametrize("provision", [Provision(node_cores=0), Provision(node_memory_gb=0.9)])
def test_nodes_that_hold_nothing_are_refused(provision: Provision) -> None:
    with pytest.raises(OutOfReach, match="hold no replica"):
        plan(Demand(1), provision, priced(), SPEECH, SETTINGS)


def test_a_word_delay_asks_for_more_replicas_than_the_update_does() -> None:
    slow = plan(Demand(200, update_s=2.0), Provision(), priced(), SPEECH, SETTINGS)
    soon = plan(Demand(200, update_s=2.0, delay_p95_s=2.0), Provision(), priced(), SPEECH, SETTINGS)
    assert slow.flow.shown_p95_s > 2.0 >= soon.flow.shown_p95_s
    assert replicas(soon)["asr"] > replicas(slow)["asr"]


def on_cards() -> tuple[CostTable, Settings]:
    """Ten times as fast, on a card of which a replica has two fifths."""
    rows = [row.model_copy(update={"device": CUDA, "core_s": row.core_s / 10}) for row in TABLE.asr]
    resources = SETTINGS.asr.resources.model_copy(update={"gpus": 0.4, "cpus": 1.0})
    asr = SETTINGS.asr.model_copy(update={"resources": resources})
    return TABLE.model_copy(update={"asr": tuple(rows)}), SETTINGS.model_copy(update={"asr": asr})


def test_recognition_on_cards_is_planned_with_a_table_of_ones_own() -> None:
    with pytest.raises(NotMeasured):
        prices(TABLE, SETTINGS, CUDA, "en", None, speech=False)
    table, tuned = on_cards()
    own = prices(table, tuned, CUDA, "en", None, speech=False)
    made = plan(Demand(100), Provision(node_gpus=2), own, SPEECH, tuned)
    asr = next(need for need in made.needs if need.deployment == "asr")
    assert asr.gpus == pytest.approx(0.4 * asr.replicas)
    assert asr.cores == asr.replicas
    assert made.gpus == -(-round(10 * asr.gpus) // 10)
    assert made.nodes >= made.gpus / 2
    with pytest.raises(OutOfReach, match="--node-gpus"):
        plan(Demand(100), Provision(), own, SPEECH, tuned)


speakers = st.integers(1, 200_000)
demands = st.builds(
    Demand, speakers, duty=st.floats(0.05, 1), update_s=st.floats(0.55, 5), delay_p95_s=st.none() | st.floats(2.5, 8)
)
provisions = st.builds(Provision, st.floats(0.2, 1), node_cores=st.integers(2, 128), node_memory_gb=st.floats(2, 512))


def no_less(less: Plan, more: Plan) -> None:
    for name, count in replicas(less).items():
        assert count <= replicas(more)[name], name
    assert less.nodes <= more.nodes


@settings(max_examples=40, deadline=None)  # a plan takes tens of milliseconds
@given(demands, provisions, speakers)
def test_more_speakers_never_need_less(demand: Demand, provision: Provision, other: int) -> None:
    few, many = sorted((demand.speakers, other))
    no_less(
        *(plan(replace(demand, speakers=count), provision, priced("es"), SPEECH, SETTINGS) for count in (few, many))
    )


@settings(max_examples=40, deadline=None)  # a plan takes tens of milliseconds
@given(demands, provisions, st.floats(0.55, 5))
def test_a_rarer_update_never_needs_more(demand: Demand, provision: Provision, other: float) -> None:
    soon, late = sorted((demand.update_s, other))
    no_less(
        *(
            plan(replace(demand, update_s=update_s), provision, priced("es"), SPEECH, SETTINGS)
            for update_s in (late, soon)
        )
    )


@settings(max_examples=40, deadline=None)  # a plan takes tens of milliseconds
@given(demands, provisions, st.floats(0.2, 1))
def test_more_headroom_never_needs_less(demand: Demand, provision: Provision, other: float) -> None:
    full, careful = max(provision.utilisation, other), min(provision.utilisation, other)
    no_less(
        *(
            plan(demand, replace(provision, utilisation=share), priced("es"), SPEECH, SETTINGS)
            for share in (full, careful)
        )
    )


@settings(max_examples=40, deadline=None)  # a plan takes tens of milliseconds
@given(demands, provisions)
def test_what_is_promised_is_what_was_asked_for(demand: Demand, provision: Provision) -> None:
    made = plan(demand, provision, priced("es"), SPEECH, SETTINGS)
    assert made.flow.period_s <= demand.update_s
    assert demand.delay_p95_s is None or made.flow.shown_p95_s <= demand.delay_p95_s
    for need in made.needs:
        assert 0 <= need.used <= need.cores * provision.utilisation + 1e-6, need
