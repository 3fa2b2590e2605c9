"""What becomes of the errors of calls between replicas."""

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError

from deployments.ingress.stage_failures import as_ours
from izwi.errors import EngineFailed, InternalError, IzwiError, Overloaded, StageTimeout, UnsupportedPair


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (UnsupportedPair("en to xx"), UnsupportedPair),
        (TimeoutError(), StageTimeout),
        (BackPressureError(1, 1), Overloaded),
        (RayActorError(), EngineFailed),
        (AioRpcError(grpc.StatusCode.CANCELLED, Metadata(), Metadata()), EngineFailed),
        (ValueError("a bug"), InternalError),
    ],
)
def test_a_lost_replica_may_be_asked_again_and_a_bug_may_not(raised: Exception, told: type[IzwiError]) -> None:
    assert type(as_ours("asr", raised)) is told
