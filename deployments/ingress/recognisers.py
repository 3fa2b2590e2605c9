"""As many recognition calls at once as the replicas that are there have workers.

With more of them, windows would grow old in a replica's queue instead of waiting here, where they are joined to
batches and each pass takes the newest audio; with fewer, new replicas would stand idle.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ReplicaState

LOOK_S = 5.0
"""A replica more or fewer is a matter of minutes."""

log = structlog.get_logger()


async def watch(running: Callable[[], Awaitable[int]], workers: int, resize: Callable[[int], None]) -> None:
    """Tell ``resize`` the number of workers whenever that of replicas has changed.

    Args:
        running: replicas that there are.
        workers: of one replica.
    """
    known = 0
    while True:
        try:
            count = await running()
        except (RayError, RayServeException) as error:  # the controller is being replaced; the replicas are still there
            log.warning("recognisers_unknown", error=type(error).__name__)
            count = known
        if count not in (0, known):  # none at all is a fault that passes, and calls wait it out
            resize(count * workers)
            known = count
        await asyncio.sleep(LOOK_S)


async def running(handle: DeploymentHandle) -> int:
    """Replicas of a deployment that take calls."""
    status = await asyncio.to_thread(serve.status)  # it waits for the controller
    application = status.applications.get(handle.app_name)
    deployment = application and application.deployments.get(handle.deployment_name)
    return deployment.replica_states.get(ReplicaState.RUNNING, 0) if deployment else 0
