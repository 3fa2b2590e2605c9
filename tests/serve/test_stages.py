"""Every stage through its real Serve handle, and what happens when a replica dies under a call."""

import asyncio
import os
import signal

import numpy as np
import pytest
import ray
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.ingress.calls import StageCalls
from deployments.ingress.handles import Handles
from deployments.ingress.metrics import Metrics
from izwi.audio import SAMPLE_RATE
from izwi.catalog import ON_DEMAND, STAGES
from izwi.errors import IzwiError, UnsupportedPair, error_classes
from izwi.stages import AsrRequest, AsrResult, MtRequest, TtsRequest, VadRequest, VadResult, VadState
from tests.replicas import replica_pid
from tests.speech import LIBRIVOX, load, needs_librivox


def handle(name: str) -> DeploymentHandle:
    return serve.get_deployment_handle(name, "izwi")


@pytest.fixture
def calls() -> StageCalls:
    return StageCalls(Handles(**{name: handle(name) for name in (*STAGES, *ON_DEMAND)}), 30.0, Metrics())


def metric(calls: StageCalls, name: str) -> float:
    text = calls._metrics.exposition().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


async def test_every_stage_says_what_it_can_do(calls: StageCalls) -> None:
    found = await calls.capabilities()
    assert set(found) == set(STAGES)
    assert {"en", "es", "de"} <= found["asr"].languages
    assert {("en", "es"), ("es", "en")} <= found["mt"].pairs
    assert {"en", "es"} <= found["tts"].languages
    assert all(capability.engines for capability in found.values())


async def test_the_detector_carries_its_state_by_value(calls: StageCalls) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 1536).astype(np.float32)
    first, again = await calls.vad([VadRequest(noise, VadState()), VadRequest(noise, VadState())], urgent=True)
    assert isinstance(first, VadResult)
    assert isinstance(again, VadResult)
    assert first.probabilities == again.probabilities
    assert first.state.hidden is not None
    assert len(first.probabilities) == 3


@needs_librivox
async def test_the_recogniser_hears_real_speech(calls: StageCalls) -> None:
    (result,) = await calls.asr([AsrRequest(load(LIBRIVOX[1].path), "en", final=True)], urgent=True)
    assert isinstance(result, AsrResult)
    text = "".join(word.text for word in result.words).lower()
    assert "ill" in text
    assert "young man" in text
    assert result.timing.compute_s > 0


async def test_a_clause_is_translated_and_spoken(calls: StageCalls) -> None:
    translated = await calls.mt(MtRequest("The house is big.", "en", "es"))
    assert translated.text == "La casa es grande."
    chunks = [chunk async for chunk in calls.tts(TtsRequest(translated.text, "es"))]
    seconds = sum(len(chunk.pcm) / chunk.sample_rate for chunk in chunks)
    assert 0.5 < seconds < 5


async def test_later_pieces_are_synthesised_while_the_first_is_sent(calls: StageCalls) -> None:
    request = TtsRequest("Los niños estaban cansados, pero caminaron juntos hasta la casa grande de la colina.", "es")
    loop = asyncio.get_running_loop()
    began = loop.time()
    whole = [chunk async for chunk in calls.tts(request)]
    needed_s = loop.time() - began
    pieces = calls.tts(request)
    await anext(pieces)
    await asyncio.sleep(2 * needed_s)
    began = loop.time()
    rest = [chunk async for chunk in pieces]
    assert len(rest) == len(whole) - 1 >= 1
    assert loop.time() - began < needed_s / 4


async def test_errors_keep_their_type_and_message_across_ray(calls: StageCalls) -> None:
    with pytest.raises(UnsupportedPair, match="en") as caught:
        await calls.mt(MtRequest("hello", "en", "xx"))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("code", sorted(error_classes()))
def test_every_error_survives_a_ray_task(code: str) -> None:
    @ray.remote(num_cpus=0)
    def fail() -> None:
        raise error_classes()[code]("the reason")

    with pytest.raises(ray.exceptions.RayTaskError) as caught:
        ray.get(fail.remote())
    cause = caught.value.cause
    assert isinstance(cause, IzwiError)
    assert type(cause) is error_classes()[code]
    assert str(cause) == "the reason"


async def test_a_killed_translator_is_replaced_and_the_call_is_answered(calls: StageCalls) -> None:
    before = await calls.mt(MtRequest("The house is big.", "en", "es"))
    os.kill(replica_pid("mt"), signal.SIGKILL)
    after = await asyncio.wait_for(calls.mt(MtRequest("The house is big.", "en", "es")), 30)
    assert after.text == before.text


async def test_a_voice_killed_in_mid_clause_says_every_piece_once(calls: StageCalls) -> None:
    text = "La casa es grande, el perro es pequeño, y los libros de la biblioteca son muy viejos."
    whole = [chunk async for chunk in calls.tts(TtsRequest(text, "es"))]
    assert len(whole) > 1
    pid = replica_pid("tts")
    again = []
    async for chunk in calls.tts(TtsRequest(text, "es")):
        if not again:
            os.kill(pid, signal.SIGKILL)
        again.append(chunk)
    assert [len(chunk.pcm) for chunk in again] == [len(chunk.pcm) for chunk in whole]
    assert metric(calls, "izwi_stage_errors_total") >= 1


async def test_a_call_that_takes_too_long_is_a_typed_timeout() -> None:
    hasty = StageCalls(Handles(**{name: handle(name) for name in (*STAGES, *ON_DEMAND)}), 0.001, Metrics())
    with pytest.raises(IzwiError) as caught:
        await hasty.asr([AsrRequest(np.zeros(SAMPLE_RATE * 3, np.float32), "en", final=False)], urgent=False)
    assert caught.value.code == "stage_timeout"
