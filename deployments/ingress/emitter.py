"""What one connection tells its client: each event is numbered, stored if it is durable, and queued, in this order."""

import asyncio
import time

from deployments.ingress import failures
from deployments.ingress.eventlog import EventLog
from deployments.ingress.metrics import Metrics
from deployments.ingress.outbox import Outbox
from izwi import messages as m
from izwi.errors import IzwiError
from izwi.wire import Frames, Wire


class Emitter:
    """One event at a time: the steps of a session emit at once."""

    def __init__(self, wire: Wire, outbox: Outbox, metrics: Metrics, request_id: str) -> None:
        self._wire = wire
        self._outbox = outbox
        self._metrics = metrics
        self._request_id = request_id
        self._told = 0
        """Number of the last durable event given to the outbox."""
        self.emitting = asyncio.Lock()
        """Held while an event is under way."""
        self.log: EventLog | None = None
        """Of the session, once there is one that is stored."""

    async def emit(self, message: m.ServerMessage, payload: bytes | None = None) -> None:
        """Raises `SessionTaken` where the session goes on elsewhere."""
        self._metrics.emitted(message)
        async with self.emitting:
            if isinstance(message, m.ErrorMessage) and not message.data.request_id:
                self._metrics.errors.labels(message.data.code).inc()
                data = message.data.model_copy(update={"request_id": self._request_id})
                message = message.model_copy(update={"data": data})
            message = message.model_copy(update={"timestamp": time.time()})
            if self.log is not None:
                message = await self.log.add(message)
            await self._outbox.put(self._wire.write(message, payload))
            self._told = message.seq

    async def say(self, frames: Frames) -> None:
        """Frames that are no event of the session."""
        async with self.emitting:
            await self._outbox.put(frames)

    async def reject(self, error: IzwiError) -> None:
        """A frame of the client's could not be followed; the connection goes on."""
        async with self.emitting:  # numbered where it is queued: a client resumes from the last number it has
            await self._outbox.put(self.error(error, fatal=False))

    async def catch_up(self, resumed: m.SessionResumed, last_seq: int, missed: tuple[m.ServerMessage, ...]) -> None:
        """Tell a client that is back what it lacks; it has everything up to ``last_seq``."""
        async with self.emitting:  # nothing may come between: its number would stand for the missed events, too
            first = m.SessionResumedMessage(data=resumed, seq=last_seq, timestamp=time.time())
            for event in (first, *missed):
                if not isinstance(event, m.SessionEndedMessage):
                    await self._outbox.put(self._wire.write(event))
            if self.log is not None:
                self._told = self.log.seq

    def error(self, error: IzwiError, *, fatal: bool) -> Frames:
        """How the client is told of an error that is not an event of the session."""
        self._metrics.errors.labels(error.code).inc()
        told = failures.error_message(error, fatal=fatal, request_id=self._request_id, seq=self._told)
        return self._wire.fault(error, told)
