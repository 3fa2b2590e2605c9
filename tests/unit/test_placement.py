from pathlib import Path

import pytest
import ray
import yaml
from ray.serve._private.application_state import override_deployment_info
from ray.serve._private.deployment_info import DeploymentInfo
from ray.serve.schema import ServeApplicationSchema

from deployments.asr.deployment import Asr
from graphs.live import REFUSED, app
from graphs.placement import BUSY, CPU_SHARE, MAX_ONGOING, MAX_QUEUED, NODE_SHARE, GraphArgs, place, resolve
from izwi.catalog import STAGES

CONFIG = Path(__file__).resolve().parents[2] / "serve_config.yaml"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch):
    def set_resources(**resources: float) -> None:
        monkeypatch.setattr(ray, "cluster_resources", lambda: resources)

    return set_resources


def reserved(settings) -> float:
    return settings.ingress.cpus + sum(getattr(settings, stage).resources.cpus for stage in STAGES)


def test_without_a_gpu_the_fractions_become_cpu(cluster) -> None:
    cluster(CPU=2)
    settings = resolve(GraphArgs(profile="cloud"))
    assert all(getattr(settings, stage).resources.gpus == 0 for stage in STAGES)
    assert settings.device == "cpu"
    assert settings.asr.compute_type == "int8"
    assert reserved(settings) <= 2


def test_with_a_gpu_they_stay(cluster) -> None:
    cluster(CPU=16, GPU=1)
    settings = resolve(GraphArgs(profile="cloud"))
    assert [getattr(settings, stage).resources.gpus for stage in STAGES] == [0.0, 0.4, 0.3, 0.2]
    assert settings.device == "cuda"
    assert settings.asr.compute_type == "int8_float16"


def test_an_explicit_device_wins_over_the_cluster(cluster) -> None:
    cluster(CPU=16, GPU=1)
    assert resolve(GraphArgs(device="cpu")).asr.resources.gpus == 0


def test_a_recogniser_without_a_share_of_the_gpu_runs_on_the_cpu(cluster) -> None:
    cluster(CPU=16, GPU=1)
    settings = resolve(GraphArgs(device="cuda", asr={"compute_type": "float16"}))
    assert (settings.device, settings.asr.compute_type) == ("cpu", "int8")


def test_every_stage_has_bounded_queues_and_sockets_have_room(cluster) -> None:
    cluster(CPU=2)
    placed = place(Asr, resolve(GraphArgs()).asr.resources)
    assert (placed.max_ongoing_requests, placed.max_queued_requests) == (MAX_ONGOING, MAX_QUEUED)
    ingress = app(GraphArgs(max_concurrent_sessions=50))._bound_deployment
    assert (ingress.max_ongoing_requests, ingress.max_queued_requests) == (100 + REFUSED, -1)


def test_production_leaves_the_ingress_the_requests_that_the_builder_gives_it(cluster) -> None:
    """By Serve's own code: a file replaces what it names and nothing else."""
    cluster(CPU=16)
    application = yaml.safe_load(CONFIG.read_text())["applications"][0]
    ingress = app(GraphArgs(**application["args"]))._bound_deployment
    info = DeploymentInfo(ingress._deployment_config, ingress._replica_config, start_time_ms=0, deployer_job_id="")
    named = [one for one in application["deployments"] if one["name"] == "ingress"]
    schema = ServeApplicationSchema.model_validate(application | {"deployments": named})
    found = override_deployment_info({"ingress": info}, schema)["ingress"].deployment_config
    assert (found.max_ongoing_requests, found.max_queued_requests) == (2 * 200 + REFUSED, -1)
    assert found.autoscaling_config.target_ongoing_requests == named[0]["autoscaling_config"]["target_ongoing_requests"]


def test_reservations_that_fit_are_kept(cluster) -> None:
    cluster(CPU=16)
    assert resolve(GraphArgs()).asr.resources.cpus == 0.8


def test_args_are_stronger_than_the_environment(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(CPU=2)
    monkeypatch.setenv("IZWI_ASR__MODEL", "tiny.en")
    assert resolve(GraphArgs()).asr.model == "tiny.en"
    assert resolve(GraphArgs(asr={"model": "small"})).asr.model == "small"


def test_a_stage_on_demand_has_no_replica_until_it_is_called(cluster) -> None:
    cluster(CPU=2)
    resources = resolve(GraphArgs()).speakers.resources
    scaling = place(Asr, resources)._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (0, 1)
    assert place(Asr, resources.model_copy(update={"min_replicas": 1}))._deployment_config.autoscaling_config is None


def test_where_replicas_may_vary_each_stage_is_scaled_by_what_its_replicas_do_at_once(cluster) -> None:
    cluster(CPU=16)
    settings = resolve(GraphArgs(profile="cloud", asr={"workers": 3}))
    ingress = app(GraphArgs(profile="cloud", max_concurrent_sessions=100))._bound_deployment
    scaled = place(Asr, settings.asr.resources, settings.asr.workers)._deployment_config.autoscaling_config
    assert (scaled.min_replicas, scaled.max_replicas) == (1, 10)
    assert scaled.target_ongoing_requests == pytest.approx(3 * BUSY)
    assert ingress._deployment_config.autoscaling_config.target_ongoing_requests == pytest.approx(100 * BUSY)
    fixed = place(Asr, resolve(GraphArgs()).asr.resources, 2)
    assert fixed._deployment_config.autoscaling_config is None
    assert fixed.num_replicas == 1


def test_a_recogniser_reserves_what_its_workers_use(cluster) -> None:
    """Or two of them would share a core where Ray puts as many as fit, and the rule of speakers counts two cores."""
    cluster(CPU=64)
    production = yaml.safe_load(CONFIG.read_text())["applications"][0]["args"]
    for args in ({"profile": "cloud"}, production):
        asr = resolve(GraphArgs(**args)).asr
        assert asr.resources.cpus == asr.workers * asr.threads


def test_production_fits_a_small_machine(cluster) -> None:
    cluster(CPU=2)
    settings = resolve(GraphArgs(**yaml.safe_load(CONFIG.read_text())["applications"][0]["args"]))
    assert reserved(settings) <= 2 * CPU_SHARE
    assert settings.asr.resources.cpus == pytest.approx(4 * settings.vad.resources.cpus, rel=0.01)


def test_where_nodes_come_on_demand_reservations_stay(cluster) -> None:
    cluster(CPU=1)
    settings = resolve(GraphArgs(profile="cloud", elastic_cluster=True, device="cuda"))
    assert (settings.asr.resources.cpus, settings.asr.resources.gpus) == (2.0, 0.4)
    with pytest.raises(ValueError, match="IZWI_DEVICE"):
        resolve(GraphArgs(elastic_cluster=True))


def test_a_replica_goes_where_its_image_is(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(CPU=16)
    monkeypatch.setenv("IZWI_ASR__RESOURCES__NODE", "stages")
    resources = resolve(GraphArgs(asr={"resources": {"cpus": 1.0}})).asr.resources
    assert place(Asr, resources).ray_actor_options["resources"] == {"stages": NODE_SHARE}
    assert "resources" not in place(Asr, resources.model_copy(update={"node": None})).ray_actor_options
