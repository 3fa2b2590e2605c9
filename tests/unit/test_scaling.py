"""Rules on literal figures, and the shipped configuration under Serve's own delays, on a clock that tests turn."""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from ray.serve import autoscaling_policy
from ray.serve.config import AutoscalingConfig, AutoscalingContext

from deployments.scaling import Scaling
from izwi.scaling import Busy, CpuRule, Rules, SpeechLoad, SpeechRule

CONFIG = yaml.safe_load((Path(__file__).resolve().parents[2] / "serve_config.yaml").read_text())["applications"][0]
TICK_S = 5.0


@pytest.mark.parametrize(
    ("target", "shares", "wanted"),
    [
        (1, [0.71], 2),
        (1, [0.7], 1),
        (1, [0.3], 1),
        (2, [0.2, 0.39], 1),
        (2, [0.1, 0.6], 2),  # the mean counts
        (3, [2.0, 1.0, 0.9], 4),  # Ray lets replicas use more than they reserve
        (2, [0.9], 2),  # the second one is still starting
        (1, [0.9, 0.9], 2),  # the second one is still stopping
        (1, [], 1),
    ],
)
def test_cpu(target: int, shares: list[float], wanted: int) -> None:
    assert CpuRule().wanted(target, shares) == wanted


def test_much_cpu_has_to_last() -> None:
    rule = CpuRule(high_s=10)
    wanted, busy = rule.lasting(1, [0.9], 100.0, None)
    assert (wanted, busy) == (1, Busy(1, 100.0))
    assert rule.lasting(1, [0.9], 109.0, busy) == (1, busy)
    assert rule.lasting(1, [0.9], 110.0, busy) == (2, busy)
    assert rule.lasting(1, [0.5], 110.0, busy) == (1, None)
    assert rule.lasting(2, [0.9, 0.9], 110.0, busy) == (2, Busy(2, 110.0))  # the next one takes as long
    assert rule.lasting(2, [0.1, 0.1], 110.0, busy) == (1, None)
    assert CpuRule().lasting(1, [0.9], 100.0, None)[0] == 2


@pytest.mark.parametrize(
    ("load", "wanted"),
    [
        (SpeechLoad(0, 0, 2, 1), 0),  # Serve's bounds make it one
        (SpeechLoad(4, 1.2, 2, 1), 1),
        (SpeechLoad(5, 1.2, 2, 1), 2),  # by speakers
        (SpeechLoad(17, 1.0, 2, 1), 5),  # before their load shows
        (SpeechLoad(3, 1.6, 2, 1), 2),  # by busy workers: 0.8 of them
        (SpeechLoad(4, 2.0, 4, 2, 1.0), 2),
        (SpeechLoad(4, 2.0, 4, 2, 2.0), 2),  # spaced, so that no more than half of them are busy
        (SpeechLoad(4, 2.0, 4, 2, 4.0), 3),  # half of them busy, because updates are far apart
        (SpeechLoad(8, 4.0, 4, 2, 20.0), 4),  # twice as many at most
        (SpeechLoad(4, 1.2, 6, 3), 1),
    ],
)
def test_speech(load: SpeechLoad, wanted: int) -> None:
    assert SpeechRule(speakers_per_replica=4, busy=0.7).wanted(load) == wanted


@pytest.mark.parametrize(
    "kwargs",
    [
        {"rules": {"asr": "speach"}},
        {"rules": {}, "cpu": {"high": 0.2}},
        {"rules": {}, "speech": {"speakers_per_replica": 0}},
        {"rules": {}, "speech": {"busy": 1.5}},
        {"rules": {}, "speakers_per_replica": {"vad": 0}},
        {"rules": {"vad": "cpu"}, "cpu": {"high_s": -1}},
        {"rules": ["vad"]},
        {"rulez": {"vad": "cpu"}},
        {"rules": {"vad": "cpu"}, "cpu": {"hihg": 0.2}},
        {"rules": {"vad": "cpu"}, "cpu": {"high": "much"}},
    ],
)
def test_what_does_not_fit_is_refused_and_never_ends_the_controller(
    kwargs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValidationError):
        Rules.model_validate(kwargs)
    vad = Deployment("vad", {"cpu": 0.9}, requests=6)
    logging.getLogger("ray.serve").addHandler(caplog.handler)
    try:
        wanted, _ = Scaling(**kwargs)({"vad": vad.context()})  # type: ignore[dict-item]
    finally:
        logging.getLogger("ray.serve").removeHandler(caplog.handler)
    assert wanted == {"vad": 3.0}
    assert "because of policy_kwargs" in caplog.text


@dataclass
class Deployment:
    """What Serve's controller knows of one; new replicas are there at the next tick."""

    name: str
    figures: dict[str, float] = field(default_factory=dict)
    """What each replica reports."""
    requests: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)
    target: int = 1
    running: int = 1

    @cached_property
    def config(self) -> AutoscalingConfig:
        (found,) = (one for one in CONFIG["deployments"] if one["name"] == self.name)
        return AutoscalingConfig.model_validate(found["autoscaling_config"])

    def context(self, now: float = 0.0) -> AutoscalingContext:
        values: dict[str, Any] = dict.fromkeys(
            ("app_name", "raw_metrics", "last_scale_up_time", "last_scale_down_time")
        )
        return AutoscalingContext(
            deployment_id=self.name,  # type: ignore[arg-type]
            deployment_name=self.name,
            current_num_replicas=self.running,
            target_num_replicas=self.target,
            running_replicas=[],
            total_num_requests=self.requests,
            total_queued_requests=0.0,
            aggregated_metrics={  # type: ignore[arg-type]
                name: dict.fromkeys(range(self.running), value) for name, value in self.figures.items()
            },
            capacity_adjusted_min_replicas=self.config.min_replicas,
            capacity_adjusted_max_replicas=self.config.max_replicas,
            policy_state=self.state,
            current_time=now,
            config=self.config,
            **values,
        )


class Controller:
    """Serve's own code for delays and bounds around our policy, as `AutoscalingStateManager` puts them together."""

    def __init__(self, *deployments: Deployment) -> None:
        policy = Scaling(**CONFIG["autoscaling_policy"]["policy_kwargs"])
        self._policy = autoscaling_policy._apply_app_level_autoscaling_config(policy)  # type: ignore[arg-type]
        self._deployments = {one.name: one for one in deployments}
        self.now = 0.0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            for one in self._deployments.values():
                one.running = one.target
            decided, states = self._policy({name: one.context(self.now) for name, one in self._deployments.items()})  # type: ignore[misc]
            for name, one in self._deployments.items():
                one.state = states[name]  # type: ignore[index]
                one.target = min(max(decided[name], one.config.min_replicas), one.config.max_replicas)  # type: ignore[index]
            self.now += TICK_S


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch):
    def with_deployments(*deployments: Deployment) -> Controller:
        found = Controller(*deployments)
        monkeypatch.setattr(autoscaling_policy, "time", SimpleNamespace(time=lambda: found.now))
        return found

    return with_deployments


def test_the_detector_grows_after_five_busy_minutes_and_shrinks_after_ten_idle_ones(controller) -> None:
    vad = Deployment("vad", {"cpu": 0.9})
    serve = controller(vad)
    serve.run(300)
    assert vad.target == 1
    serve.run(TICK_S)
    assert vad.target == 2
    serve.run(60 * 60)
    assert vad.target == 10
    vad.figures["cpu"] = 0.5
    serve.run(60 * 60)
    assert vad.target == 10
    vad.figures["cpu"] = 0.1
    serve.run(600)
    assert vad.target == 10
    serve.run(TICK_S)
    assert vad.target == 9
    serve.run(3 * 60 * 60)
    assert vad.target == 1


def test_detectors_do_not_make_recognition_wait(controller) -> None:
    ingress = Deployment("ingress", {"speakers": 0, "stretched": 0, "recognising": 0.0})
    vad = Deployment("vad", {"cpu": 0.1})
    serve = controller(ingress, vad)
    serve.run(60)
    assert vad.target == 1
    ingress.figures |= {"speakers": 61, "stretched": 61, "recognising": 6.0}
    vad.figures["cpu"] = 1.4
    serve.run(TICK_S)
    assert vad.target == 3
    ingress.figures |= {"speakers": 0, "stretched": 0, "recognising": 0.0}
    vad.figures["cpu"] = 0.1
    serve.run(600)
    assert vad.target == 3
    serve.run(TICK_S)
    assert vad.target == 2


def test_a_minute_of_rest_begins_the_five_anew(controller) -> None:
    vad = Deployment("vad", {"cpu": 0.9})
    serve = controller(vad)
    for _ in range(10):
        vad.figures["cpu"] = 0.9
        serve.run(240)
        vad.figures["cpu"] = 0.5
        serve.run(60)
    assert vad.target == 1


def test_recognition_follows_those_who_speak_and_not_those_who_are_connected(controller) -> None:
    ingress = Deployment("ingress", {"speakers": 0, "stretched": 0, "recognising": 0.0}, requests=60)
    asr = Deployment("asr", {"workers": 2})
    serve = controller(ingress, asr)
    serve.run(600)
    assert (asr.target, ingress.target) == (1, 1)
    ingress.figures |= {"speakers": 12, "stretched": 12, "recognising": 1.2}
    serve.run(20)
    assert (asr.target, ingress.target) == (3, 1)
    ingress.figures |= {"speakers": 1, "stretched": 1, "recognising": 0.4}
    serve.run(300)
    assert asr.target == 3
    serve.run(2 * TICK_S)
    assert asr.target == 1


def test_late_updates_ask_for_more_than_speakers_do(controller) -> None:
    ingress = Deployment("ingress", {"speakers": 4, "stretched": 8, "recognising": 2.0})
    asr = Deployment("asr", {"workers": 2})
    serve = controller(ingress, asr)
    serve.run(20)
    assert asr.target == 2


def test_until_anything_has_been_reported_recognition_stays_as_it_is(controller) -> None:
    ingress, asr = Deployment("ingress"), Deployment("asr", {"workers": 2}, target=4)
    serve = controller(ingress, asr)
    serve.run(3600)
    assert asr.target == 4
    alone = Deployment("asr", {"workers": 2}, target=4)
    controller(alone).run(3600)
    assert alone.target == 4


def test_the_others_go_by_requests(controller) -> None:
    tts, speakers = Deployment("tts", requests=5), Deployment("speakers", target=0, requests=0)
    serve = controller(tts, speakers)
    serve.run(60)
    assert (tts.target, speakers.target) == (4, 0)
    speakers.requests = 1
    serve.run(TICK_S)
    assert speakers.target == 1
    speakers.requests = 0
    serve.run(1500)
    assert speakers.target == 1
    serve.run(600)
    assert speakers.target == 0
