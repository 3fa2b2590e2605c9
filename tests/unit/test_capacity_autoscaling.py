"""When replicas start and stop."""

from dataclasses import replace
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from ray.serve.config import AutoscalingConfig

from izwi.capacity.autoscaling import PRODUCTION, Autoscaler, Load, Scaling
from izwi.scaling import CpuRule, Rules, SpeechRule

CONFIG = Path(__file__).resolve().parents[2] / "serve_config.yaml"
QUICK = Scaling(min_replicas=1, max_replicas=8, target_ongoing_requests=2, upscale_delay_s=10, downscale_delay_s=60)


def course(scaler: Autoscaler, ongoing: float, first: int, last: int) -> list[int]:
    """Replicas that take calls at each second."""
    return [scaler.step(float(second), Load(ongoing)) for second in range(first, last)]


def test_it_scales_as_the_production_graph_does() -> None:
    application = yaml.safe_load(CONFIG.read_text())["applications"][0]
    configured = {one["name"]: AutoscalingConfig(**one["autoscaling_config"]) for one in application["deployments"]}
    rules = Rules(**application["autoscaling_policy"]["policy_kwargs"])
    for name, scaling in PRODUCTION.items():
        for field in set(vars(scaling)) - {"rule", "speakers_per_replica"}:
            assert getattr(scaling, field) == getattr(configured[name], field), (name, field)
        assert scaling.rule == {"cpu": rules.cpu, "speech": rules.speech}.get(rules.rules.get(name, ""))
        assert scaling.speakers_per_replica == rules.speakers_per_replica.get(name)


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


def test_recognition_goes_by_speakers_and_by_headroom() -> None:
    quick = replace(QUICK, look_back_period_s=5, rule=SpeechRule(speakers_per_replica=4, busy=0.7))
    counted = Autoscaler(quick, start_s=0.0)
    assert [counted.step(float(second), Load(ongoing=2, speakers=9)) for second in range(20)][-1] == 3
    crowded = Autoscaler(quick, start_s=0.0)
    assert [crowded.step(float(second), Load(speakers=2, busy=1.0, stretch=2.0)) for second in range(12)][-1] == 2
    in_time = Autoscaler(quick, start_s=0.0)
    assert [in_time.step(float(second), Load(ongoing=99, speakers=2, busy=0.5)) for second in range(99)][-1] == 1


def test_detectors_come_and_go_one_by_one() -> None:
    scaler = Autoscaler(replace(QUICK, look_back_period_s=1, rule=CpuRule(high=0.7, low=0.3)), start_s=0.0)
    assert [scaler.step(float(second), Load(cpu=0.9)) for second in range(25)][-1] == 3
    assert [scaler.step(float(second), Load(cpu=0.5)) for second in range(25, 100)][-1] == 3
    assert [scaler.step(float(second), Load(cpu=0.1)) for second in range(100, 500)][-1] == 1


def test_detectors_come_at_once_with_those_who_speak_and_after_five_minutes_with_their_load() -> None:
    scaler = Autoscaler(replace(PRODUCTION["vad"], look_back_period_s=1), start_s=0.0)

    def asked_for(first: int, last: int) -> list[int]:
        found: list[int] = []
        for second in range(first, last):
            scaler.step(float(second), Load(cpu=0.9, speakers=31))
            found.append(scaler.target)
        return found

    assert asked_for(0, 301) == [2] * 301  # the second one is there after a second
    assert asked_for(301, 302) == [3]


@hypothesis_settings(deadline=None)
@given(st.lists(st.floats(0, 500), min_size=1, max_size=200), st.floats(0, 20))
def test_the_number_stays_between_its_bounds(load: list[float], start_s: float) -> None:
    scaler = Autoscaler(QUICK, start_s)
    for second, ongoing in enumerate(load):
        ready = scaler.step(float(second), Load(ongoing))
        assert QUICK.min_replicas <= ready <= QUICK.max_replicas
        assert ready <= scaler.target
