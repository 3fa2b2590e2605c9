"""The WebSocket endpoints: one connection each, whatever its protocol."""

import asyncio
import time
import uuid

from fastapi import APIRouter, WebSocket

from deployments.ingress.connection import Connection
from deployments.ingress.native import NativeWire
from deployments.ingress.services import Services
from izwi.errors import IzwiError
from izwi.realtime.transcription import TranscriptionWire
from izwi.realtime.translation import TranslationWire
from izwi.wire import Wire


def build_router(services: Services) -> APIRouter:
    router = APIRouter()
    settings = services.settings

    @router.websocket("/ws/stream")
    async def stream(socket: WebSocket) -> None:
        """Our own protocol."""
        await _serve(socket, services, NativeWire(settings))

    @router.websocket("/v1/realtime")
    async def transcription(socket: WebSocket) -> None:
        """OpenAI's, transcription sessions."""
        await _serve(socket, services, TranscriptionWire(uuid.uuid4().hex, settings, _expiry(services)))

    @router.websocket("/v1/realtime/translations")
    async def translation(socket: WebSocket) -> None:
        """OpenAI's, translation sessions."""
        await _serve(socket, services, TranslationWire(uuid.uuid4().hex, settings, _expiry(services)))

    return router


def _expiry(services: Services) -> int:
    """When a session that speaks all the time reaches its limit."""
    return int(time.time() + services.settings.max_audio_seconds)


async def _serve(socket: WebSocket, services: Services, wire: Wire) -> None:
    services.metrics.connections.inc()
    connection = Connection(socket, services, wire, socket.state.request_id)
    try:
        owner = await services.access.socket(socket.headers)
        services.registry.connect(connection)
    except IzwiError as error:
        services.metrics.sessions_total.labels(await connection.refuse(error)).inc()
        return
    outcome = "cancelled"
    try:
        outcome = await connection.serve(owner)
    finally:
        services.registry.leave(connection)
        services.metrics.sessions_total.labels(outcome).inc()
        await asyncio.shield(connection.forget(outcome))
