"""The HTTP and WebSocket surface of Izwi as an ASGI application."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Literal

from fastapi import Depends, FastAPI, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict
from starlette.middleware.cors import CORSMiddleware

from deployments.ingress import document, envelope, hotwords, jobs, live, tokens, transcribe, translate, whisper
from deployments.ingress.envelope import OrjsonResponse
from deployments.ingress.health import unready
from deployments.ingress.listener import Listener
from deployments.ingress.middleware import RequestContext
from deployments.ingress.openai import models, speech, transcriptions, voices
from deployments.ingress.recordings import META_HEADER
from deployments.ingress.request_limits import Limit, RequestLimits
from deployments.ingress.services import Services
from deployments.ingress.unforeseen import Unforeseen
from deployments.ingress.upload_room import Room, UploadRoom
from deployments.media.sandbox import Limits, MediaSandbox
from izwi.keys import Scope
from izwi.settings import Settings

FILES = frozenset({"/v1/audio/transcriptions", "/v1/audio/translations", "/api/v1/transcribe", "/asr"})
"""Paths to which media files are sent."""
JOBS = "/v1/jobs"
EXPOSED_HEADERS = (
    "X-Request-Id",
    "X-Response-Time-Ms",
    META_HEADER,
    "X-Izwi-Warning",
    "X-Izwi-Partial",
    "Retry-After",
    "Location",
)
"""What pages of other origins may read of an answer's head, besides what browsers show anyway."""
ALIVE: document.Responses = {200: {"content": document.json(alive={"status": "ok"})}}
EXPOSED = "# TYPE izwi_live_sessions gauge\nizwi_live_sessions 3.0\n"
EXPOSITION: document.Responses = {200: {"content": document.text("text/plain", prometheus=EXPOSED)}}


class Readiness(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"ready": True, "reasons": []}]})
    ready: bool
    reasons: list[str]
    """Why it is not."""


def build_app(services: Services) -> FastAPI:
    """The application for one replica; ``services`` are shared by its requests."""
    described = FastAPIOffline if services.settings.debug else partial(FastAPI, openapi_url=None)
    app = described(
        title="Izwi",
        description=document.ABOUT,
        openapi_tags=document.GROUPS,
        redoc_url=None,
        default_response_class=OrjsonResponse,
        responses=document.ANY_FAILURE,
    )
    access, http = services.access, Depends(services.access.needs(Scope.HTTP))
    usual = document.usual(access.keyed)
    settings = services.settings
    room = Room(settings.max_uploads, settings.jobs.free_bytes)
    app.add_middleware(UploadRoom, room=room, paths=FILES)
    app.add_middleware(RequestLimits, rule=_limit(settings))
    app.add_middleware(Unforeseen)
    if services.tracing is not None:
        services.tracing.cover(app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(services.settings.cors_origins),
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["*"],  # clients add some of their own; what may be asked depends on the origin alone
        expose_headers=EXPOSED_HEADERS,
    )
    app.add_middleware(RequestContext, metrics=services.metrics)
    envelope.add_handlers(app)
    app.include_router(
        translate.build_router(services.calls, settings.max_text_chars), dependencies=[http], responses=usual
    )
    sandbox = MediaSandbox(Limits(settings.max_audio_seconds), services.forks)
    listener = Listener(services.calls, settings.vad, sandbox)
    app.include_router(transcriptions.build_router(listener, services), responses=usual)
    app.include_router(transcribe.build_router(listener, services), responses=usual)
    for router in (
        whisper.build_router(listener),
        speech.build_router(services.calls, settings.max_text_chars),
        voices.build_router(services.calls),
        models.build_router(services.calls),
    ):
        app.include_router(router, dependencies=[http], responses=usual)
    app.include_router(jobs.build_router(services.jobs, access, services.hotwords), responses=usual)
    app.include_router(live.build_router(services))
    app.include_router(tokens.build_router(access, services.tokens), responses=usual)
    app.include_router(hotwords.build_router(access, services.hotwords), responses=usual)

    @app.get("/healthz", tags=["server"], responses=ALIVE)
    async def healthz() -> dict[str, str]:
        """Alive: the event loop answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["server"], responses={503: {"model": Readiness, "description": "Not ready"}})
    async def readyz(response: Response) -> Readiness:
        """Ready for sessions: models, Redis, memory; 503 with the reasons when not."""
        reasons = await unready(services.calls, services.store)
        if reasons:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Readiness(ready=not reasons, reasons=[f"{what}: {why}" for what, why in reasons.items()])

    @app.get(
        "/metrics",
        tags=["server"],
        dependencies=[Depends(access.needs(Scope.METRICS))],
        response_class=Response,
        responses=usual | EXPOSITION | document.failures(400),
    )
    async def metrics(replica: Literal["all", "self"] = "all") -> Response:
        """Prometheus exposition of every ingress replica, or of the one that answers."""
        return Response(await services.fleet.exposition(others=replica == "all"), media_type=CONTENT_TYPE_LATEST)

    return app


def _limit(settings: Settings) -> Callable[[str], Limit]:
    """What a request may take, by its path."""
    usual = Limit(settings.max_message_bytes, settings.request_timeout_s)
    file = Limit(settings.max_upload_bytes, settings.file_timeout_s)
    job = Limit(settings.jobs.max_bytes, settings.jobs.transfer_timeout_s)
    watched = Limit(settings.max_message_bytes, settings.jobs.transfer_timeout_s)

    def rule(path: str) -> Limit:
        if path == JOBS:
            return job
        if path.startswith(f"{JOBS}/") and path.endswith("/events"):
            return watched
        return file if path in FILES else usual

    return rule
