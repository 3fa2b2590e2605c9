"""The stage that has no replica until somebody asks, through its real Serve handle."""

import asyncio
import os
import signal

import numpy as np
import pytest
from ray import serve
from ray.serve.exceptions import DeploymentUnavailableError

from deployments.ingress.calls import StageCalls
from deployments.ingress.handles import Handles
from deployments.ingress.metrics import Metrics
from izwi import models
from izwi.audio import SAMPLE_RATE
from izwi.catalog import ON_DEMAND, STAGES
from izwi.errors import UnsupportedAudio
from izwi.stages import SpeakerRequest
from tests.replicas import replica_pid

pytestmark = pytest.mark.skipif(not models.installed("campplus"), reason="izwi models fetch campplus")
NOISE = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)


@pytest.fixture
def calls() -> StageCalls:
    handles = {name: serve.get_deployment_handle(name, "izwi") for name in (*STAGES, *ON_DEMAND)}
    return StageCalls(Handles(**handles), 60.0, Metrics())


def replicas() -> int:
    return sum(serve.status().applications["izwi"].deployments["speakers"].replica_states.values())


async def test_a_replica_starts_when_somebody_asks_and_not_before(calls: StageCalls) -> None:
    assert "speakers" not in await calls.capabilities()
    assert replicas() == 0
    speakers = serve.get_deployment_handle("speakers", "izwi")
    with pytest.raises(DeploymentUnavailableError):
        await asyncio.wait_for(speakers.broadcast("flush").results_async(), 5)
    await asyncio.sleep(1)  # the autoscaler decides several times a second
    assert replicas() == 0
    result = await calls.speakers(SpeakerRequest((NOISE, NOISE)))
    assert replicas() == 1
    assert await speakers.broadcast("flush").results_async() == [None]
    one, other = result.vectors
    assert one.shape == (192,)
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert "izwi_stage_compute_seconds_count" in calls._metrics.exposition().decode()


async def test_its_errors_keep_their_type(calls: StageCalls) -> None:
    with pytest.raises(UnsupportedAudio, match="a voice is told from"):
        await calls.speakers(SpeakerRequest((NOISE[:100],)))


async def test_a_killed_replica_is_replaced_and_the_call_is_answered(calls: StageCalls) -> None:
    before = await calls.speakers(SpeakerRequest((NOISE,)))
    os.kill(replica_pid("speakers"), signal.SIGKILL)
    after = await asyncio.wait_for(calls.speakers(SpeakerRequest((NOISE,))), 60)
    np.testing.assert_allclose(before.vectors[0], after.vectors[0], atol=1e-5)
