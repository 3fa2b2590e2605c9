"""What replicas report for scaling, and how many recognisers the ingress reckons with."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import numpy as np
import pytest
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatusOverview, DeploymentStatusOverview, ServeStatus

from deployments.cpu_share import CpuShare
from deployments.ingress import recognisers
from deployments.ingress.live_load import LiveLoad
from deployments.ingress.metrics import Metrics
from deployments.ingress.registry import Registry
from izwi import messages as m
from izwi.load import Load
from izwi.session import LATELY, Session
from izwi.settings import Settings
from izwi.stages import Samples
from tests.unit.scripted import Script, silence, speech


def test_the_share_of_the_cpu_counts_since_the_last_time() -> None:
    now, used = 0.0, 10.0
    cpu = CpuShare(0.5, lambda: now, lambda: used)
    now, used = 6.0, 11.5
    assert cpu.measure() == pytest.approx(0.5)
    now, used = 12.0, 17.5
    assert cpu.measure() == pytest.approx(2.0)
    now, used = 18.0, 3.0  # a process below has ended, and nobody waited for it
    assert cpu.measure() == 0.0


def test_this_process_uses_the_cpu() -> None:
    cpu = CpuShare(1.0)
    total = 0
    while not (share := cpu.measure()):
        total += sum(range(100_000))
    assert share > 0


class Socket:
    session_id = None

    def __init__(self, stretch: float | None) -> None:
        self.stretch = stretch

    async def going_away(self, reason: str, *, elsewhere: bool) -> None: ...

    def evict(self, error: Exception) -> None: ...


async def test_only_those_who_speak_are_counted() -> None:
    registry = Registry(10, Metrics())
    for stretch in (None, 1.0, None, 3.0):
        registry.enter(Socket(stretch))
    now, calls_s = 0.0, 0.0
    load = LiveLoad(lambda: calls_s, registry.speakers, CpuShare(1.0, lambda: now, lambda: 0.0), lambda: now)
    now, calls_s = 5.0, 6.0
    assert await load.measure() == {"speakers": 2, "stretched": 4.0, "recognising": pytest.approx(1.2), "cpu": 0.0}
    now = 10.0
    assert (await load.measure())["recognising"] == 0.0


def test_updates_in_time_are_not_stretched() -> None:
    load = Load(0.3, 3.0)
    load.observe(0.1)
    assert load.stretch == 1.0
    for _ in range(40):
        load.observe(1.2)
    assert load.stretch == pytest.approx(4.0, rel=0.01)


async def test_a_session_has_a_speaker_from_the_first_word_until_some_seconds_after_the_last() -> None:
    audio = np.concatenate([silence(2), speech("one", "two", "three."), silence(12)])
    speaks: list[bool] = []

    async def stream() -> AsyncIterator[Samples]:
        for begin in range(0, len(audio), 1600):
            yield audio[begin : begin + 1600]
            for _ in range(50):
                await asyncio.sleep(0)
            speaks.append(session.stretch is not None)

    async def emit(message: m.ServerMessage, payload: bytes | None) -> None: ...

    start = m.SessionStart(source_language="en", speech=False)
    session = Session(start, Settings(_env_file=None), Script().stages(), emit)  # type: ignore[call-arg]
    assert session.stretch is None
    await session.run(stream())
    first, last = speaks.index(True) / 10, (len(speaks) - 1 - speaks[::-1].index(True)) / 10
    assert 2.0 <= first <= 2.0 + 1.2  # the detector looks once in a while where it is quiet
    assert last == pytest.approx(3.2 + LATELY / 16_000, abs=0.2)
    assert speaks == [first <= at / 10 <= last for at in range(len(speaks))]


async def test_replicas_that_start_or_stop_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"RUNNING": 2, "STARTING": 1, "STOPPING": 1}
    asr = DeploymentStatusOverview("HEALTHY", "UNSPECIFIED", states, "")  # type: ignore[arg-type]
    ingress = DeploymentStatusOverview("HEALTHY", "UNSPECIFIED", {"RUNNING": 3}, "")  # type: ignore[arg-type]
    overview = ApplicationStatusOverview("RUNNING", "", 0.0, {"asr": asr, "ingress": ingress})
    known = ServeStatus(applications={"izwi": overview})  # type: ignore[arg-type]
    monkeypatch.setattr(recognisers.serve, "status", lambda: known)
    for name, found in (("asr", (2, 3)), ("mt", (0, 3))):
        handle = SimpleNamespace(app_name="izwi", deployment_name=name)
        assert await recognisers.running(handle, "ingress") == found  # type: ignore[arg-type]


async def test_the_ingress_reckons_with_the_recognisers_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognisers, "LOOK_S", 0.0)
    away = RayServeException("the controller is away")
    counts: list[int | Exception] = [1, 1, 3, away, 3, 0, 2]
    sizes: list[tuple[int, int]] = []

    async def running() -> recognisers.Replicas:
        if not counts:
            await asyncio.Event().wait()
        match counts.pop(0):
            case Exception() as error:
                raise error
            case count:
                return recognisers.Replicas(count, 1 if counts else 2)

    watching = asyncio.create_task(recognisers.watch(running, 2, lambda *size: sizes.append(size)))
    async with asyncio.timeout(5):
        while counts:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    watching.cancel()
    assert sizes == [(2, 1), (6, 1), (4, 2)]
