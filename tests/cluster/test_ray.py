"""cluster/ray/aws.yaml: Ray's launcher takes it, and its autoscaler finds a node type for every replica."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray._raylet import IMPLICIT_RESOURCE_PREFIX
from ray.autoscaler._private.node_provider_availability_tracker import NodeAvailabilitySummary
from ray.autoscaler._private.resource_demand_scheduler import _default_utilization_scorer, get_nodes_for
from ray.autoscaler._private.util import prepare_config, validate_config

from deployments.asr.deployment import Asr
from graphs.placement import GraphArgs, place, resolve
from izwi.catalog import ON_DEMAND, STAGES

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "cluster" / "ray" / "aws.yaml"
KUBERNETES = ROOT / "cluster" / "kubernetes" / "base"


@pytest.fixture
def config() -> dict[str, Any]:
    """The file with Ray's defaults for AWS filled in, as `ray up` has it before it asks AWS anything."""
    return prepare_config(yaml.safe_load(FILE.read_text()))


def environment(config: dict[str, Any]) -> dict[str, str]:
    options = " ".join(config["docker"]["run_options"])
    return dict(re.findall(r"--env (\w+)=(\S+)", options))


def test_ray_takes_the_file(config: dict[str, Any]) -> None:
    validate_config(config)
    with pytest.raises(Exception, match="availabel"):
        validate_config(prepare_config(yaml.safe_load(FILE.read_text()) | {"availabel_node_types": {}}))


def test_nodes_have_the_environment_of_kubernetes_pods(config: dict[str, Any]) -> None:
    """Besides what differs by place, or is a card."""
    pods = dict(
        line.split("=", 1)
        for line in (KUBERNETES / "settings.env").read_text().splitlines()
        if not line.startswith("#")
    )
    differs = {"IZWI_REDIS_URL", "IZWI_API_KEYS_FILE", "IZWI_JOBS__SPOOL_DIR"}
    own = environment(config)
    assert {name: value for name, value in pods.items() if name not in differs} == {
        name: own.get(name) for name in pods if name not in differs
    }
    assert differs <= own.keys()


def test_images_are_targets_of_the_dockerfile() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "cluster" / "Dockerfile").read_text(), re.MULTILINE))
    used = set(re.findall(r"_image: \S+/izwi:(\S+)", FILE.read_text()))
    assert used
    assert used <= targets


def test_the_autoscaler_starts_nodes_for_every_replica(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(config).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ray, "cluster_resources", dict)  # before any worker is up
    (application,) = yaml.safe_load((KUBERNETES / "serve_config.yaml").read_text())["applications"]
    placed = resolve(GraphArgs.model_validate(application["args"]))
    groups = [getattr(placed, stage).resources for stage in (*STAGES, *ON_DEMAND)] + [placed.ingress]
    demands = []
    for resources in groups:
        options = place(Asr, resources).ray_actor_options
        wanted = {"CPU": options["num_cpus"], "GPU": options["num_gpus"], **options["resources"]}
        demands.append({name: amount for name, amount in wanted.items() if amount})
    score = partial(_default_utilization_scorer, node_availability_summary=NodeAvailabilitySummary({}))
    types = config["available_node_types"]

    def started(demands: list[dict[str, float]]) -> dict[str, int]:
        nodes, unmet = get_nodes_for(types, {}, "head", config["max_workers"], demands, score)
        assert not unmet
        return nodes

    once = started(demands)
    assert once.pop("ingress") == 1
    assert sum(once.values()) == 1  # all engines share a card
    # Each node for sockets gets a replica: Serve has no proxy on one without.
    (ingress,) = [one for one in application["deployments"] if one["name"] == "ingress"]
    alone = demands[-1] | {f"{IMPLICIT_RESOURCE_PREFIX}izwi:ingress": 1 / ingress["max_replicas_per_node"]}
    fewest = ingress["autoscaling_config"]["min_replicas"]
    assert started([alone] * fewest) == {"ingress": fewest}
    assert fewest == placed.ingress.min_replicas >= types["ingress"]["min_workers"]
    # Twelve recognisers need six cards: more than are on demand.
    many = started([demand for demand in demands if demand.get("GPU") == 0.4] * 12)
    assert sum(many.values()) == 6
    assert many["stages_spot"] >= 6 - types["stages"]["max_workers"] > 0
    market = types["stages_spot"]["node_config"]["InstanceMarketOptions"]
    assert market == {"MarketType": "spot"}
