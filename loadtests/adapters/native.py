"""The native protocol, through Izwi's own client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from izwi.client import IzwiClient, Session
from izwi.client_events import Event, Speech
from izwi.messages import (
    ErrorMessage,
    SessionLoadMessage,
    SessionStart,
    SpeechMergedMessage,
    SpeechSkippedMessage,
    TranscriptCommittedMessage,
    TranscriptFinalMessage,
    TranscriptPartialMessage,
    TranslationCommittedMessage,
)
from izwi.stages import Samples
from loadtests.adapters.conversation import (
    Committed,
    Failed,
    Final,
    Load,
    Observation,
    Partial,
    SpeechChunk,
    SpeechMerged,
    SpeechSkipped,
    Translated,
)


@asynccontextmanager
async def session(url: str, start: SessionStart) -> AsyncIterator["NativeConversation"]:
    async with IzwiClient(url, resume_for_s=0).session(start) as opened:  # a lost connection is a finding
        yield NativeConversation(opened)


class NativeConversation:
    """See `Conversation`."""

    def __init__(self, opened: Session) -> None:
        self._session = opened

    async def send(self, samples: Samples) -> None:
        await self._session.send(samples)

    async def end(self) -> None:
        await self._session.end()

    async def __aiter__(self) -> AsyncIterator[Observation]:
        async for event in self._session:
            seen = observe(event, self._session.received_at)
            if seen is not None:
                yield seen


def observe(event: Event, at: float) -> Observation | None:
    """What an event says to a load test; None for what it does not look at."""
    match event:
        case TranscriptPartialMessage(data=data):
            return Partial(at, str(data.utterance), data.committed, data.tentative)
        case TranscriptCommittedMessage(data=data):
            return Committed(at, str(data.utterance), data.text)
        case TranscriptFinalMessage(data=data):
            return Final(at, str(data.utterance), data.text, data.end_s)
        case TranslationCommittedMessage(data=data):
            return Translated(at, data.clause, data.text, data.end_s)
        case Speech() if len(event.pcm):
            return SpeechChunk(at, event.clause, len(event.pcm))
        case SpeechMergedMessage(data=data):
            return SpeechMerged(at, data.clause, data.into)
        case SpeechSkippedMessage(data=data):
            return SpeechSkipped(at, data.clause)
        case SessionLoadMessage(data=data):
            return Load(at, data.level, data.update_ms)
        case ErrorMessage(data=data):
            return Failed(at, data.code, data.message)
        case _:
            return None
