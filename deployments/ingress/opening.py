"""How a session begins: anew, or where an earlier connection left off."""

import secrets
from dataclasses import dataclass, field, replace

from deployments.ingress.eventlog import EventLog
from deployments.store.store import Entry, SessionStore
from izwi import messages as m
from izwi.checkpoint import Checkpoint, Journal, Resumed
from izwi.errors import SessionGone
from izwi.keys import digest
from izwi.settings import Settings


@dataclass(frozen=True)
class Opening:
    """A session about to run."""

    session_id: str
    token: str
    start: m.SessionStart
    log: EventLog | None
    """None where the session is not stored, because nobody could resume it."""
    resumed: Resumed = field(default_factory=Resumed)
    missed: tuple[m.ServerMessage, ...] = ()
    """Durable events that the client lacks."""

    @property
    def resumable(self) -> bool:
        """Another connection could go on with the session now."""
        return self.log is not None and self.log.resumable


async def begin(session_id: str, start: m.SessionStart, owner: str, store: SessionStore, settings: Settings) -> Opening:
    """A new session, stored if Redis is there."""
    token = secrets.token_urlsafe(32)
    entry = Entry(session_id, _secret(token, owner), start.model_dump_json())
    log = EventLog(store, entry, _journal(start, settings))
    await log.begin()
    return Opening(session_id, token, start, log)


async def resume(wanted: m.SessionResume, owner: str, store: SessionStore, settings: Settings) -> Opening:
    """A session that was interrupted; from now on only this connection may write it.

    Raises:
        SessionGone: it is not known, not by that token or key, or events that the client lacks are lost.
        StoreUnavailable: Redis does not answer.
    """
    entry = await store.take(wanted.session_id, _secret(wanted.resume_token, owner))
    start = m.SessionStart.model_validate_json(entry.start)
    checkpoint = Checkpoint.model_validate_json(entry.checkpoint)
    first = min(wanted.last_seq, checkpoint.seq)
    stored = await store.events(wanted.session_id, first)
    complete = [seq for seq, _ in stored] == list(range(first + 1, entry.seq + 1))
    if max(wanted.last_seq, checkpoint.seq) > entry.seq or not complete:
        raise SessionGone("events of this session are lost; begin a new one")
    events = [m.parse_server(text) for _, text in stored]
    journal = _journal(start, settings, checkpoint)
    for event in events:
        if event.seq > checkpoint.seq:
            journal.fold(event)
    told = journal.checkpoint.seq - journal.checkpoint.over  # speech that is owed still comes before the end
    journal.checkpoint.acknowledged = wanted.acknowledged_samples  # the client was told so; only it knows how far
    return Opening(
        wanted.session_id,
        wanted.resume_token,
        start,
        EventLog(store, replace(entry, seq=told), journal),
        Resumed(journal.checkpoint.model_copy(deep=True), wanted.clause, wanted.clause_samples, wanted.clause_speed),
        tuple(event for event in events if event.seq > wanted.last_seq),
    )


def _journal(start: m.SessionStart, settings: Settings, checkpoint: Checkpoint | None = None) -> Journal:
    return Journal(settings.session.clause_max_words, start.target_language is not None, checkpoint)


def _secret(token: str, owner: str) -> str:
    """What is stored of a resume token: it is worth nothing without the key that began the session."""
    return digest(f"{token} {owner}")
