"""When replicas start and stop."""

from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from ray.serve.config import AutoscalingConfig

from izwi.capacity.autoscaling import LOOK_BACK_S, PRODUCTION, Autoscaler, Scaling

CONFIG = Path(__file__).resolve().parents[2] / "serve_config.yaml"
QUICK = Scaling(min_replicas=1, max_replicas=8, target_ongoing_requests=2, upscale_delay_s=10, downscale_delay_s=60)


def course(scaler: Autoscaler, ongoing: float, first: int, last: int) -> list[int]:
    """Replicas that take calls at each second."""
    return [scaler.step(float(second), ongoing) for second in range(first, last)]


def test_it_scales_as_the_production_graph_does() -> None:
    deployments = yaml.safe_load(CONFIG.read_text())["applications"][0]["deployments"]
    configured = {one["name"]: AutoscalingConfig(**one["autoscaling_config"]) for one in deployments}
    for name, scaling in PRODUCTION.items():
        for field in vars(scaling):
            assert getattr(scaling, field) == getattr(configured[name], field), (name, field)
        assert configured[name].look_back_period_s == LOOK_BACK_S


def test_a_wish_that_lasts_is_followed_once_the_replicas_have_started() -> None:
    scaler = Autoscaler(QUICK, start_s=5.0)
    seen = course(scaler, 7.0, 0, 30)
    assert seen[:15] == [1] * 15  # ten seconds of delay, five of starting
    assert seen[15:] == [4] * 15  # of 3.5
    assert scaler.target == 4


def test_calls_are_averaged_over_half_a_minute() -> None:
    scaler = Autoscaler(QUICK, start_s=0.0)
    assert course(scaler, 1.0, 0, 30) == [1] * 30
    assert course(scaler, 10.0, 30, 32) == [1] * 2  # a mean of 1.6
    assert course(scaler, 1.0, 32, 70) == [1] * 38
    assert course(scaler, 40.0, 70, 72) == [1] * 2  # 3.6
    assert course(scaler, 1.0, 72, 90)[-1] == 2


def test_replicas_go_late_and_never_below_the_least() -> None:
    scaler = Autoscaler(QUICK, start_s=0.0, replicas=6)
    seen = course(scaler, 0.0, 0, 200)
    assert seen[:60] == [6] * 60
    assert seen[60:] == [1] * 140


def test_there_are_no_more_than_the_most() -> None:
    assert course(Autoscaler(QUICK, start_s=0.0), 1e6, 0, 60)[-1] == 8


@hypothesis_settings(deadline=None)
@given(st.lists(st.floats(0, 500), min_size=1, max_size=200), st.floats(0, 20))
def test_the_number_stays_between_its_bounds(load: list[float], start_s: float) -> None:
    scaler = Autoscaler(QUICK, start_s)
    for second, ongoing in enumerate(load):
        ready = scaler.step(float(second), ongoing)
        assert QUICK.min_replicas <= ready <= QUICK.max_replicas
        assert ready <= scaler.target
