"""What calls to the stages count, on handles that fail."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from deployments.ingress import calls
from deployments.ingress.calls import ATTEMPTS, StageCalls
from deployments.ingress.handles import Handles
from deployments.ingress.metrics import Metrics
from izwi.audio import SAMPLE_RATE
from izwi.errors import EngineFailed, IzwiError, Unavailable
from izwi.stages import AsrRequest, AsrResult, MtRequest, Timing
from tests.metrics import value


def stage(outcome: object) -> StageCalls:
    """Whose every call comes to this."""

    def remote(request: object) -> asyncio.Future[object]:
        response: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if isinstance(outcome, Exception):
            response.set_exception(outcome)
        else:
            response.set_result(outcome)
        return response

    handle = SimpleNamespace(remote=remote)
    return StageCalls(Handles(handle, handle, handle, handle, handle), 1.0, Metrics())  # type: ignore[arg-type]


def failed(stage: StageCalls, name: str) -> float:
    return value(stage._metrics.exposition().decode(), "izwi_stage_errors_total", stage=name)


def windows(count: int) -> Sequence[AsrRequest]:
    return [AsrRequest(np.zeros(SAMPLE_RATE, np.float32), "en", final=False) for _ in range(count)]


async def test_with_a_call_all_of_its_requests_fail() -> None:
    asr = stage(EngineFailed("no memory"))
    with pytest.raises(IzwiError):
        await asr.asr(windows(3), urgent=False)
    assert failed(asr, "asr") == 3


async def test_of_a_call_that_is_answered_those_that_failed_count() -> None:
    heard = AsrResult((), "en", 1.0, Timing("x"))
    asr = stage([heard, EngineFailed("no memory"), heard])
    await asr.asr(windows(3), urgent=False)
    assert failed(asr, "asr") == 1


async def test_a_request_that_goes_alone_counts_at_each_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "wait_random_exponential", lambda **limits: lambda state: 0.0)
    mt = stage(Unavailable("starting"))
    with pytest.raises(Unavailable):
        await mt.mt(MtRequest("hello", "en", "es"))
    assert failed(mt, "mt") == ATTEMPTS
