"""The ingress deployment: owns the sessions of its sockets and calls the stages."""

from collections.abc import Awaitable, Callable

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from deployments.ingress.admission import Newcomers
from deployments.ingress.app import build_app
from deployments.ingress.calls import Handles, StageCalls
from deployments.ingress.connection import Services
from deployments.ingress.metrics import Metrics
from deployments.ingress.registry import Registry
from deployments.store.store import SessionStore
from izwi import logs
from izwi.errors import StoreUnavailable
from izwi.settings import Settings


@serve.deployment(name="ingress")
@serve.ingress()
class Ingress:
    """FastAPI behind Ray's proxy.

    Args:
        settings: the whole tree.
        handles: one handle per stage, by name.
        store: handle of the embedded Redis, or None where ``settings.redis_url`` names a server.
    """

    async def __init__(
        self, settings: Settings, handles: dict[str, DeploymentHandle], store: DeploymentHandle | None
    ) -> None:
        logs.configure(settings.log_level, settings.debug)
        metrics = Metrics()
        places = settings.asr.workers * settings.asr.resources.max_replicas
        calls = StageCalls(Handles(**handles), settings.request_timeout_s, metrics, places, settings.asr.batch)
        metrics.wait.set_function(lambda: calls.wait_s)
        sessions = SessionStore(_address(settings.redis_url, store), settings.session_ttl_s)
        registry = Registry(settings.max_concurrent_sessions, metrics)
        newcomers = Newcomers(settings.backpressure_threshold)
        self._services = Services(settings, calls, sessions, metrics, registry, newcomers)

    async def drain(self, limit_s: float) -> int:
        """Finish running sessions and take no more; returns how many did not end in time."""
        return await self._services.registry.drain(limit_s)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return build_app(self._services)


def _address(url: str | None, store: DeploymentHandle | None) -> Callable[[], Awaitable[str]]:
    """Where Redis is now."""

    async def resolve() -> str:
        if store is None:
            if not url:
                raise StoreUnavailable("neither IZWI_REDIS_URL nor an embedded Redis")
            return url
        try:
            return await store.url.remote()
        except (RayError, RayServeException) as error:
            raise StoreUnavailable("the embedded Redis is being replaced") from error

    return resolve
