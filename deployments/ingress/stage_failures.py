"""What went wrong with a call of a stage, as one of our own errors."""

import structlog
from grpc import RpcError
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from izwi.errors import EngineFailed, InternalError, IzwiError, Overloaded, StageTimeout

log = structlog.get_logger()


def as_ours(stage: str, error: Exception) -> IzwiError:
    """The error of ours that says what happened; the original is logged where it is not ours."""
    if isinstance(error, RayTaskError) and isinstance(error.cause, IzwiError):
        return error.cause
    if isinstance(error, IzwiError):
        return error
    if isinstance(error, TimeoutError):
        return StageTimeout(f"the {stage} stage did not answer in time")
    if isinstance(error, BackPressureError):
        return Overloaded(f"the {stage} stage has no room")
    log.warning("stage_call_failed", stage=stage, error=type(error).__name__, detail=str(error)[:500])
    if isinstance(error, RayTaskError):
        return InternalError(f"the {stage} stage failed")
    if isinstance(error, RayError | RayServeException | RpcError):  # calls of replicas travel by gRPC
        return EngineFailed(f"the {stage} stage lost its replica")
    return InternalError(f"the {stage} stage failed")
