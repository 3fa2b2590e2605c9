"""What goes on beside a session while it lives: its entries in Redis are kept, and the client hears of the stages.

Each runs until it is cancelled, as a task of the connection.
"""

import asyncio

from deployments.ingress.emitter import Emitter
from deployments.ingress.eventlog import EventLog
from deployments.ingress.place import Place
from deployments.ingress.stage_health import StageHealth
from izwi import messages as m

KEEP_S = 5.0
"""Seconds between looks at the session's entry in Redis."""


async def keep_stored(log: EventLog, emitter: Emitter, place: Place) -> None:
    """Keep the session and its place stored, and tell the client whenever it can no longer be resumed, and when it can
    again."""
    told = True
    while True:
        if log.resumable != told:
            told = log.resumable
            await emitter.emit(m.SessionResumableMessage(data=m.SessionResumable(resumable=told)))
        await asyncio.sleep(KEEP_S)
        await log.keep(emitter.emitting)
        if log.resumable:
            await place.renew()


async def keep_place(place: Place) -> None:
    """Of a session that is not stored, and may not have begun."""
    while True:
        await asyncio.sleep(KEEP_S)
        await place.renew()


async def tell_stages(health: StageHealth, emitter: Emitter) -> None:
    """Tell the client of stages that fail now, and of those that fail or work again later."""
    with health.changes() as changes:
        for stage, code in health.failing.items():
            status = m.StageStatus(stage=stage, working=False, code=code)
            await emitter.emit(m.StageStatusMessage(data=status))
        while True:
            await emitter.emit(m.StageStatusMessage(data=await changes.get()))
