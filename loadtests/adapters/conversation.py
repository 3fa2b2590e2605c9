"""What a speaker asks of any server, and what it gets to see: nothing here belongs to one protocol."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from izwi.messages import SessionStart
from izwi.stages import Samples

PROTOCOLS = ("izwi", "openai-realtime", "whisperlivekit")


@dataclass(frozen=True)
class Seen:
    at: float
    """`time.monotonic` seconds at which it arrived."""


@dataclass(frozen=True)
class Partial(Seen):
    """All of an utterance as a client should render it from now on."""

    utterance: str
    committed: str
    tentative: str


@dataclass(frozen=True)
class Committed(Seen):
    """Words that will not change any more; only what is new."""

    utterance: str
    text: str


@dataclass(frozen=True)
class Final(Seen):
    """The whole utterance; nothing more comes of it."""

    utterance: str
    text: str
    end_s: float | None = None
    """Where the server says that its speech ended, in seconds of the session's audio."""


@dataclass(frozen=True)
class Translated(Seen):
    clause: int
    text: str
    end_s: float
    """Where the clause's speech ended, in seconds of the session's audio."""


@dataclass(frozen=True)
class SpeechChunk(Seen):
    clause: int
    samples: int


@dataclass(frozen=True)
class SpeechMerged(Seen):
    """The clause is spoken together with an earlier one, under that one's number."""

    clause: int
    into: int


@dataclass(frozen=True)
class SpeechSkipped(Seen):
    clause: int


@dataclass(frozen=True)
class Load(Seen):
    """The server says how it degrades; levels from ``normal`` to ``captions_only``."""

    level: str
    update_ms: int
    """Audio between two updates."""


@dataclass(frozen=True)
class Failed(Seen):
    """One piece of work failed; the session goes on."""

    code: str
    message: str


Observation = Partial | Committed | Final | Translated | SpeechChunk | SpeechMerged | SpeechSkipped | Load | Failed


class Conversation(Protocol):
    """An open session. Sending and observing may run in two tasks; all of it raises `izwi.errors.IzwiError` only."""

    async def send(self, samples: Samples) -> None:
        """Send audio, mono float32 at 16 kHz, shape (n,); waits where the server holds the sender back."""
        ...

    async def end(self) -> None:
        """No more audio comes; the server finishes what it has."""
        ...

    def __aiter__(self) -> AsyncIterator[Observation]:
        """Everything seen, in order, until the server has said all."""
        ...


Opener = Callable[[str, SessionStart], AbstractAsyncContextManager[Conversation]]
"""Opens a session at a URL, whose path may be left out; raises `izwi.errors.Overloaded` where the server refuses it."""


def opener(protocol: str) -> Opener:
    """How to talk ``protocol``.

    Raises:
        ValueError: there is no such protocol.
    """
    match protocol:
        case "izwi":
            from loadtests.adapters.native import session
        case "openai-realtime":
            from loadtests.adapters.openai_realtime import session
        case "whisperlivekit":
            from loadtests.adapters.whisperlivekit import session
        case _:
            raise ValueError(f"no protocol {protocol}; there are {', '.join(PROTOCOLS)}")
    return session
