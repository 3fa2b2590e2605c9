"""Numbers a session's durable events and stores each before the client sees it: the session outlives its replica.

Without Redis the session goes on in memory and the client is told that it cannot be resumed; once Redis is back, empty
or not, what is remembered is stored again and it can.
"""

import asyncio
from collections import deque
from dataclasses import replace

import structlog

from deployments.store.store import Entry, SessionStore
from izwi import messages as m
from izwi.checkpoint import Journal
from izwi.errors import IzwiError, SessionGone, StoreUnavailable

REMEMBERED = 256
"""Last events held in memory for a Redis that comes back empty: a client that is cut off lacks few of them."""

SETTLING = m.TranscriptFinalMessage | m.TranscriptSpeakerMessage
"""Events that a checkpoint is stored with: the ones after which there is less to fold, and those whose voice is in
nothing else that is stored."""

log = structlog.get_logger()


class EventLog:
    """One session's log; calls come one at a time.

    Args:
        entry: what is stored of the session; this is its owner.
        journal: folds the events.
    """

    def __init__(self, store: SessionStore, entry: Entry, journal: Journal) -> None:
        self._store = store
        self._entry = entry
        self._journal = journal
        self._events: deque[tuple[int, str]] = deque(maxlen=REMEMBERED)
        self._stored = asyncio.Event()
        self._stored.set()
        self.seq = entry.seq

    @property
    def resumable(self) -> bool:
        """Another connection could go on with the session now."""
        return self._stored.is_set()

    async def wait_resumable(self) -> None:
        await self._stored.wait()

    async def begin(self) -> None:
        """Store a new session."""
        try:
            await self._store.create(self._entry)
        except StoreUnavailable:
            self._stored.clear()

    async def add(self, event: m.ServerMessage) -> m.ServerMessage:
        """Number an event, and store it if it is durable.

        Raises:
            SessionTaken: the session goes on elsewhere; nothing may be sent any more.
        """
        self.seq += event.durable
        event = event.model_copy(update={"seq": self.seq})
        self._journal.fold(event)
        if event.durable:
            text = event.model_dump_json()
            self._events.append((self.seq, text))
            if self.resumable:
                await self._append(self.seq, text, isinstance(event, SETTLING))
        return event

    async def keep(self, writing: asyncio.Lock) -> None:
        """Renew a silent session's entry and see whether it is still ours; or store everything again after Redis was
        away. Raises as `add` does.

        Args:
            writing: held while events are added.
        """
        try:
            if self.resumable:
                await self._store.touch(self._entry.session_id, self._entry.epoch)
                return
            await self._store.ping()  # as long as it is away, nobody who adds events has to wait for it
            async with writing:
                await self._restore()
        except (StoreUnavailable, SessionGone) as error:
            self._lost(error)

    async def _restore(self) -> None:
        try:
            await self._append_all()
        except SessionGone:  # it came back empty
            before = self._events[0][0] - 1 if self._events else self.seq
            checkpoint = self._journal.checkpoint.model_dump_json()
            await self._store.create(replace(self._entry, seq=before, checkpoint=checkpoint))
            await self._append_all()
        self._stored.set()

    async def _append_all(self) -> None:
        for seq, text in self._events:
            await self._store.append(self._entry.session_id, self._entry.epoch, seq, text)
        await self._store.touch(self._entry.session_id, self._entry.epoch)

    async def _append(self, seq: int, text: str, settled: bool) -> None:
        checkpoint = self._journal.checkpoint.model_dump_json() if settled else ""
        try:
            await self._store.append(self._entry.session_id, self._entry.epoch, seq, text, checkpoint)
        except (StoreUnavailable, SessionGone) as error:
            self._lost(error)

    def _lost(self, error: IzwiError) -> None:
        if self.resumable:
            log.warning("session_not_resumable", session=self._entry.session_id, code=error.code)
        self._stored.clear()
