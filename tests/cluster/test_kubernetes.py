"""cluster/kubernetes as kustomize makes it: Kubernetes' own schemas, and whether the parts fit each other and Izwi."""

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
OVERLAYS = ("cpu", "gpu")
VERSION = "1.34"
KUBECTL = shutil.which("kubectl")
SECRETS = {"izwi-redis": {"password"}, "izwi-keys": {"keys.toml"}}
"""What docs/deploy.md has its reader make."""
CLAIMS = {"izwi-models"}
PORTS = {"RAY_SERVE_FALLBACK", "RAY_SERVE_DIRECT_INGRESS_M", "RAY_SERVE_HAPROXY_METRICS", "RAY_SERVE_HAPROXY_STATS"}
"""Beginnings of settings that keep servers on one machine apart, and pods need not."""

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")


@cache
def rendered(overlay: str) -> list[dict[str, Any]]:
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


def container(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = template["spec"]["containers"]
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
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
    pod = json.loads(json.dumps(templates("cpu")["ingress"]))
    container(pod)["readinessProbe"]["periodSecond"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": pod},
            VERSION,
            strict=True,
        )
    wrong = json.loads(json.dumps(of("cpu", "RayService")[0]))
    wrong["spec"]["rayClusterConfig"]["autoscalerOptions"]["version"] = 2
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, RAY_SERVICE)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_serves_what_the_production_file_says(overlay: str) -> None:
    """`make serve-config` carries changes over."""
    own, there = (ROOT / "serve_config.yaml").read_text(), service(overlay)["serveConfigV2"]
    config = ServeDeploySchema.model_validate(yaml.safe_load(there))
    assert config.http_options.host == "0.0.0.0"
    host = re.compile(r"^  host: .*$", re.MULTILINE)
    assert host.sub("", there) == host.sub("", own)


@pytest.mark.parametrize("overlay", OVERLAYS)
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
    (application,) = yaml.safe_load(service(overlay)["serveConfigV2"])["applications"]
    placed = resolve(GraphArgs.model_validate(application["args"]))
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


@pytest.mark.parametrize("overlay", OVERLAYS)
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


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_versions_and_images_are_those_of_this_checkout(overlay: str) -> None:
    assert service(overlay)["rayClusterConfig"]["rayVersion"] == ray.__version__
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "cluster" / "Dockerfile").read_text(), re.MULTILINE))
    for template in templates(overlay).values():
        name, _, tag = container(template)["image"].partition(":")
        assert name == "izwi"
        assert tag in targets


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_confined_and_have_time_to_hand_sessions_over(overlay: str) -> None:
    for group, template in templates(overlay).items():
        spec, one = template["spec"], container(template)
        assert spec["securityContext"]["runAsNonRoot"]
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"readinessProbe", "livenessProbe"} <= one.keys()
        if group != "head":
            command, seconds = one["lifecycle"]["preStop"]["exec"]["command"]
            assert command == "leave-cluster"
            assert spec["terminationGracePeriodSeconds"] > int(seconds) > RETIRE_S
