"""cluster/kubernetes as kustomize makes it: Kubernetes' own schemas, and whether the parts fit each other and Izwi.

The base is read without kustomize as well, so that only what overlays change needs kubectl.
"""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import ray
import yaml
from ray.serve.schema import ServeDeploySchema

from deployments.ingress.deployment import RETIRE_S
from graphs import environment
from graphs.placement import GraphArgs, resolve
from izwi.catalog import ON_DEMAND, STAGES
from tests.cluster.kuberay import RAY_SERVICE

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "cluster" / "kubernetes" / "base"
PROMETHEUS = ROOT / "cluster" / "prometheus" / "kubernetes.yml"
VERSION = "1.34"
KUBECTL = shutil.which("kubectl")
OVERLAYS = tuple(
    pytest.param(name, marks=pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed"))
    for name in ("cpu", "gpu")
)
ALL = ("base", *OVERLAYS)
SECRETS = {"izwi-redis": {"password"}, "izwi-keys": {"keys.toml"}}
"""What docs/deploy.md has its reader make."""
CLAIMS = {"izwi-models"}
PORTS = {"RAY_SERVE_FALLBACK", "RAY_SERVE_DIRECT_INGRESS_M", "RAY_SERVE_HAPROXY_METRICS", "RAY_SERVE_HAPROXY_STATS"}
"""Beginnings of settings that keep servers on one machine apart, and pods need not."""


@cache
def base() -> list[dict[str, Any]]:
    """What the base lists, and the two things that kustomize makes of its files."""
    names = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    documents = [document for name in names for document in yaml.safe_load_all((BASE / name).read_text())]
    for document in documents:
        if document["kind"] == "RayService":
            document["spec"]["serveConfigV2"] = (BASE / "serve_config.yaml").read_text()
    lines = [line for line in (BASE / "settings.env").read_text().splitlines() if not line.startswith("#")]
    data = dict(line.split("=", 1) for line in lines)
    return [
        *documents,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "izwi-settings"}, "data": data},
    ]


@cache
def rendered(overlay: str) -> list[dict[str, Any]]:
    if overlay == "base":
        return base()
    folder = ROOT / "cluster" / "kubernetes" / "overlays" / overlay
    done = subprocess.run([str(KUBECTL), "kustomize", folder], check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(done.stdout))


def of(overlay: str, kind: str) -> list[dict[str, Any]]:
    return [document for document in rendered(overlay) if document["kind"] == kind]


def service(overlay: str) -> dict[str, Any]:
    (found,) = of(overlay, "RayService")
    return found["spec"]


def templates(overlay: str) -> dict[str, dict[str, Any]]:
    """Pod templates by group."""
    cluster = service(overlay)["rayClusterConfig"]
    groups = {group["groupName"]: group["template"] for group in cluster["workerGroupSpecs"]}
    return {"head": cluster["headGroupSpec"]["template"], **groups}


def settings(overlay: str) -> dict[str, str]:
    (found,) = of(overlay, "ConfigMap")
    return found["data"]


def application(overlay: str) -> dict[str, Any]:
    (found,) = yaml.safe_load(service(overlay)["serveConfigV2"])["applications"]
    return found


def container(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = template["spec"]["containers"]
    return found


@pytest.mark.parametrize("overlay", ALL)
def test_every_resource_fits_its_schema(overlay: str) -> None:
    for document in rendered(overlay):
        if document["kind"] == "RayService":
            jsonschema.validate(document, RAY_SERVICE)
        else:
            kubernetes_validate.validate(document, VERSION, strict=True)
    for template in templates(overlay).values():
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": template}
        kubernetes_validate.validate(pod, VERSION, strict=True)


def test_a_mistake_would_be_seen() -> None:
    pod = json.loads(json.dumps(templates("base")["ingress"]))
    container(pod)["readinessProbe"]["periodSecond"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": pod},
            VERSION,
            strict=True,
        )
    wrong = json.loads(json.dumps(of("base", "RayService")[0]))
    wrong["spec"]["rayClusterConfig"]["autoscalerOptions"]["version"] = 2
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, RAY_SERVICE)


@pytest.mark.parametrize("overlay", ALL)
def test_it_serves_what_the_production_file_says(overlay: str) -> None:
    """`make serve-config` carries changes over, and changes what a cluster has otherwise."""
    own, there = (ROOT / "serve_config.yaml").read_text(), service(overlay)["serveConfigV2"]
    script = ROOT / "cluster" / "kubernetes" / "serve_config.sed"
    assert subprocess.run(["sed", "-f", script], input=own, capture_output=True, text=True).stdout == there
    config = ServeDeploySchema.model_validate(yaml.safe_load(there))
    assert config.http_options.host == "0.0.0.0"
    changed = set(there.splitlines()) - set(own.splitlines())
    assert sorted(line.split()[0] for line in changed) == [
        "host:",
        "ingress:",
        "max_replicas_per_node:",
        "min_replicas:",
    ]


@pytest.mark.parametrize("overlay", ALL)
def test_every_ingress_pod_gets_a_replica(overlay: str) -> None:
    """Serve has no proxy on a node without one, and a pod without a proxy is never ready."""
    (pods,) = [
        group["minReplicas"]
        for group in service(overlay)["rayClusterConfig"]["workerGroupSpecs"]
        if group["groupName"] == "ingress"
    ]
    (ingress,) = [one for one in application(overlay)["deployments"] if one["name"] == "ingress"]
    assert ingress["autoscaling_config"]["min_replicas"] >= pods
    assert application(overlay)["args"]["ingress"]["min_replicas"] >= pods
    assert ingress["max_replicas_per_node"] == 1


@pytest.mark.parametrize("overlay", ALL)
def test_clients_come_to_ingress_pods_only(overlay: str) -> None:
    """And to those whose models are there: the Service has the pods of both clusters while one takes over."""
    (found,) = [one for one in of(overlay, "Service") if one["metadata"]["name"] == "izwi-ingress"]
    wanted = found["spec"]["selector"]
    reached = {
        group
        for group, template in templates(overlay).items()
        if wanted.items() <= template["metadata"]["labels"].items()
    }
    assert reached == {"ingress"}
    (port,) = found["spec"]["ports"]
    pod = container(templates(overlay)["ingress"])
    ports = {one["name"]: one["containerPort"] for one in pod["ports"]}
    assert ports[port["targetPort"]] == 8000
    assert pod["startupProbe"]["httpGet"] == {"path": "/readyz", "port": 8000}
    (ingress,) = of(overlay, "Ingress")
    backends = [path["backend"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    assert backends == [{"service": {"name": "izwi-ingress", "port": {"number": port["port"]}}}]
    jobs = {job["job_name"]: job for job in yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]}
    assert jobs["izwi"]["static_configs"] == [{"targets": [f"izwi-ingress.izwi:{port['port']}"]}]
    assert service(overlay)["excludeHeadPodFromServeSvc"]


@pytest.mark.parametrize("overlay", ALL)
def test_budgets_let_drains_go_on(overlay: str) -> None:
    """Ray's pods have no controller that could be asked how many there should be; only whole numbers need none."""
    groups = {group["groupName"]: group for group in service(overlay)["rayClusterConfig"]["workerGroupSpecs"]}
    budgets = of(overlay, "PodDisruptionBudget")
    assert budgets
    for budget in budgets:
        spec = budget["spec"]
        assert "maxUnavailable" not in spec
        assert isinstance(spec["minAvailable"], int)
        assert spec["minAvailable"] < groups[spec["selector"]["matchLabels"]["izwi/group"]]["minReplicas"]


@pytest.mark.parametrize("overlay", ALL)
def test_pods_have_the_environment_that_a_server_gives_itself(overlay: str) -> None:
    own = environment.ALWAYS | {
        name: value
        for name, value in environment._haproxy().items()
        if not any(name.startswith(port) and name.endswith("PORT") for port in PORTS)
    }
    data = settings(overlay)
    assert own == {name: data.get(name) for name in own}
    (config_map,) = of(overlay, "ConfigMap")
    for template in templates(overlay).values():
        assert container(template)["envFrom"] == [{"configMapRef": {"name": config_map["metadata"]["name"]}}]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_replica_has_a_group_of_pods_that_can_hold_it(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings(overlay).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ray, "cluster_resources", dict)  # before any worker is up
    placed = resolve(GraphArgs.model_validate(application(overlay)["args"]))
    groups = {}
    for group in service(overlay)["rayClusterConfig"]["workerGroupSpecs"]:
        (offered,) = json.loads(json.loads(group["rayStartParams"]["resources"]))
        limits = container(group["template"])["resources"]["limits"]
        groups[offered] = float(limits["cpu"]), float(limits.get("nvidia.com/gpu", 0))
    wanted = {stage: getattr(placed, stage).resources for stage in (*STAGES, *ON_DEMAND)} | {"ingress": placed.ingress}
    together = dict.fromkeys(groups, (0.0, 0.0))
    for name, resources in wanted.items():
        assert resources.node in groups, name
        cpus, gpus = together[resources.node]
        together[resources.node] = cpus + resources.cpus, gpus + resources.gpus
    # One pod of each group holds one replica of each of its stages.
    assert all(together[name][0] <= cpus and together[name][1] <= gpus for name, (cpus, gpus) in groups.items())
    assert (placed.device == "cuda") == (overlay == "gpu")
    assert (wanted["asr"].gpus > 0) == (overlay == "gpu")


@pytest.mark.parametrize("overlay", ALL)
def test_what_is_named_is_there(overlay: str) -> None:
    text = yaml.safe_dump(rendered(overlay))
    claims = {document["metadata"]["name"] for document in of(overlay, "PersistentVolumeClaim")} | CLAIMS
    assert set(re.findall(r"claimName: (\S+)", text)) <= claims
    used: dict[str, set[str]] = {}
    for key, name in re.findall(r"secretKeyRef:\s+key: (\S+)\s+name: (\S+)", text):
        used.setdefault(name, set()).add(key)
    for template in templates(overlay).values():
        for volume in template["spec"].get("volumes", []):
            if "secret" in volume:
                used.setdefault(volume["secret"]["secretName"], set()).add("keys.toml")
    assert used == SECRETS
    labels = [template["metadata"]["labels"] for template in templates(overlay).values()]
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for document in of(overlay, kind):
            spec = document["spec"]
            wanted = (spec.get("selector") or spec["podSelector"])["matchLabels"]
            redis = wanted == {"app": "izwi-redis"}
            assert redis or any(wanted.items() <= have.items() for have in labels), document["metadata"]["name"]


@pytest.mark.parametrize("overlay", ALL)
def test_versions_and_images_are_those_of_this_checkout(overlay: str) -> None:
    assert service(overlay)["rayClusterConfig"]["rayVersion"] == ray.__version__
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "cluster" / "Dockerfile").read_text(), re.MULTILINE))
    for template in templates(overlay).values():
        name, _, tag = container(template)["image"].partition(":")
        assert name == "izwi"
        assert tag in targets


@pytest.mark.parametrize("overlay", ALL)
def test_pods_are_confined_and_have_time_to_hand_sessions_over(overlay: str) -> None:
    stays: dict[str, int] = {}
    for group, template in templates(overlay).items():
        spec, one = template["spec"], container(template)
        assert spec["securityContext"]["runAsNonRoot"]
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"readinessProbe", "livenessProbe"} <= one.keys()
        command, seconds = one["lifecycle"]["preStop"]["exec"]["command"]
        assert command == ("sleep" if group == "head" else "leave-cluster")
        stays[group] = int(seconds)
        assert spec["terminationGracePeriodSeconds"] > stays[group] > RETIRE_S
    # Serve's controller is with the head: it stops the replicas of the others.
    assert stays.pop("head") > max(stays.values())
