"""The ingress deployment: owns the sessions of its sockets and calls the stages."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from deployments.ingress import health, loop_lag, recognisers, retirement
from deployments.ingress.access import Access
from deployments.ingress.admission import Newcomers
from deployments.ingress.app import build_app
from deployments.ingress.calls import StageCalls
from deployments.ingress.fleet import Fleet
from deployments.ingress.handles import Handles
from deployments.ingress.keyring import Keyring
from deployments.ingress.live_load import LiveLoad
from deployments.ingress.metrics import Metrics
from deployments.ingress.registry import Registry
from deployments.ingress.services import Services
from deployments.jobs import jobs
from deployments.llm.client import LlmClient
from deployments.media.forks import Forks
from deployments.store.hotword_lists import HotwordLists
from deployments.store.jobs import JobStore
from deployments.store.link import RedisLink, RedisOptions
from deployments.store.places import Places
from deployments.store.rates import Rates
from deployments.store.scrapes import Scrapes
from deployments.store.store import SessionStore
from deployments.store.tokens import Tokens
from deployments.tracing.connect import connect
from izwi import logs
from izwi.errors import StoreUnavailable
from izwi.settings import Settings

if TYPE_CHECKING:
    from deployments.ingress.tracing import Tracing

RETIRE_S = 4.0
"""For sessions to finish what has been said, within the 5 s that Serve gives a replica."""


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
        asr = settings.asr
        stages = Handles(**handles)
        places = asr.workers * max(1, asr.resources.min_replicas)
        registry = Registry(settings.max_concurrent_sessions, metrics)
        usual = (stages, settings.request_timeout_s, metrics, places, asr.batch)
        llm_usual = (settings.llm, metrics.asked_llm)
        spans = connect(settings, "ingress")
        self._tracing: Tracing | None = None
        if spans is None:
            calls, llm = StageCalls(*usual), LlmClient(*llm_usual)
        else:
            from deployments.ingress import traced_calls, tracing

            calls, llm = traced_calls.TracedCalls(spans, *usual), traced_calls.TracedLlm(spans, *llm_usual)
            self._tracing = tracing.Tracing(spans, settings.tracing, stages)
        metrics.wait.set_function(lambda: calls.wait_s)
        metrics.slots.set(settings.max_concurrent_sessions)
        metrics.speakers.set_function(lambda: len(registry.speakers()))
        self._load = LiveLoad.of(calls, registry, settings.ingress.cpus)
        password = settings.redis_password.get_secret_value() if settings.redis_password else None
        options = RedisOptions(password, settings.redis_cluster, settings.redis_ca_file)
        used = options if settings.redis_url else RedisOptions()
        link = RedisLink(_address(settings.redis_url, store), used, metrics.asked_redis)
        tokens = Tokens(link)
        job_store = JobStore(link, settings.jobs.ttl_s)
        forks = Forks()
        self._jobs = jobs.build(settings, job_store, calls, metrics, llm, forks)
        keyring = Keyring(settings.api_keys_file) if settings.api_keys_file else None
        self._services = Services(
            settings=settings,
            calls=calls,
            store=SessionStore(link, settings.session_ttl_s),
            places=Places(link, settings.max_cluster_sessions),
            tokens=tokens,
            hotwords=HotwordLists(link),
            llm=llm,
            access=Access(keyring, tokens, Rates(link), settings.cors_origins, anyone=settings.allow_anonymous),
            metrics=metrics,
            fleet=Fleet(serve.get_replica_context().replica_id.unique_id, metrics, Scrapes(link)),
            registry=registry,
            newcomers=Newcomers(settings.backpressure_threshold),
            jobs=self._jobs,
            forks=forks,
            tracing=self._tracing,
        )
        await forks.warm_up()
        self._jobs.runner.start()
        watches = {
            "retirement": retirement.watch(self._retire),
            "loop-lag": loop_lag.watch(metrics.loop_lag, metrics.loop_held),
            "health": health.watch(metrics, calls, self._services.store, job_store),
            "metrics": self._services.fleet.publish(),
        }
        if asr.resources.max_replicas > asr.resources.min_replicas or settings.ingress.max_replicas > 1:
            running = partial(recognisers.running, stages.asr, serve.get_replica_context().deployment)
            watches["recognisers"] = recognisers.watch(running, asr.workers, calls.resize_asr)
        self._watches = [asyncio.create_task(watch, name=name) for name, watch in watches.items()]

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """For deployments/scaling.py; Serve asks a few times a minute."""
        return await self._load.measure()

    async def drain(self, limit_s: float) -> int:
        """The server stops: finish running sessions and take no more; returns how many did not end in time."""
        elsewhere = self._services.settings.redis_url is not None  # an embedded Redis stops as well
        stopping = asyncio.create_task(self._jobs.runner.stop(), name="stop-jobs")
        left = await self._services.registry.drain(limit_s, "shutdown", elsewhere=elsewhere)
        await stopping
        if self._tracing is not None:
            await self._tracing.flush()
        return left

    async def _retire(self) -> None:
        drained = self._services.registry.drain(RETIRE_S, "replaced", elsewhere=True)
        await asyncio.gather(self._jobs.runner.stop(), drained)
        if self._tracing is not None:
            await self._tracing.spans.flush()

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
