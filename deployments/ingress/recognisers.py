"""As many recognition calls at once as the replicas that are there have workers.

With more of them, windows would grow old in a replica's queue instead of waiting here, where they are joined to
batches and each pass takes the newest audio; with fewer, new replicas would stand idle. Where there are several
ingresses each may use all workers, but paces its speakers as if it had its share of them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ReplicaState

LOOK_S = 5.0
"""A replica more or fewer is a matter of minutes."""

log = structlog.get_logger()


class Replicas(NamedTuple):
    """That take calls."""

    recognisers: int
    ingresses: int


async def watch(running: Callable[[], Awaitable[Replicas]], workers: int, resize: Callable[[int, int], None]) -> None:
    """Tell ``resize`` the number of workers, and of ingresses that share them, whenever that of replicas has changed.

    Args:
        running: replicas that there are.
        workers: of one recogniser.
    """
    known = Replicas(0, 0)
    while True:
        try:
            found = await running()
        except (RayError, RayServeException) as error:  # the controller is being replaced; the replicas are still there
            log.warning("recognisers_unknown", error=type(error).__name__)
            found = known
        if all(found) and found != known:  # none at all is a fault that passes, and calls wait it out
            resize(found.recognisers * workers, found.ingresses)
            known = found
        await asyncio.sleep(LOOK_S)


async def running(asr: DeploymentHandle, ingress: str) -> Replicas:
    """Those of the recogniser's deployment, and of the ingress' by its name."""
    status = await asyncio.to_thread(serve.status)  # it waits for the controller
    application = status.applications.get(asr.app_name)
    deployments = application.deployments if application else {}

    def count(name: str) -> int:
        return deployments[name].replica_states.get(ReplicaState.RUNNING, 0) if name in deployments else 0

    return Replicas(count(asr.deployment_name), count(ingress))
