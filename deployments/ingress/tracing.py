"""What an ingress replica does about traces, where they are wanted."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from fastapi import FastAPI
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from deployments.ingress.handles import Handles
from deployments.tracing.requests import RequestTraces
from deployments.tracing.sessions import SessionTraces
from deployments.tracing.spans import FLUSH_S, Spans
from izwi.tracing_settings import TracingSettings


@dataclass(frozen=True)
class Tracing:
    spans: Spans
    settings: TracingSettings
    handles: Handles

    def session(self, session_id: str, owner: str, traceparent: str) -> SessionTraces:
        """Arguments as for `SessionTraces`."""
        return SessionTraces(self.spans, self.settings, session_id, owner, traceparent)

    def cover(self, app: FastAPI) -> None:
        """Trace the requests of an application."""
        app.add_middleware(RequestTraces, spans=self.spans)

    async def flush(self) -> None:
        """Everything stops: send what waits, here and in the stages, for as long as there is time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.5 * FLUSH_S):
                await asyncio.gather(self.spans.flush(), *map(self._flush_stage, ("asr", "mt", "tts", "speakers")))

    async def _flush_stage(self, stage: str) -> None:
        # A broadcast starts no replica. Where there is none, as of speakers mostly, Serve calls the stage unavailable
        # at once, for which the others need not stop.
        with suppress(RayError, RayServeException):
            await getattr(self.handles, stage).broadcast("flush").results_async()
