import pytest
import ray

from graphs.placement import STAGES, GraphArgs, resolve


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


def test_reservations_that_fit_are_kept(cluster) -> None:
    cluster(CPU=16)
    assert resolve(GraphArgs()).asr.resources.cpus == 0.8


def test_args_are_stronger_than_the_environment(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(CPU=2)
    monkeypatch.setenv("IZWI_ASR__MODEL", "tiny.en")
    assert resolve(GraphArgs()).asr.model == "tiny.en"
    assert resolve(GraphArgs(asr={"model": "small"})).asr.model == "small"
