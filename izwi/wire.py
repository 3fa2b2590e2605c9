"""What a protocol of live sessions is to a connection: its clients' frames become commands, a session's events frames.

Admission, limits, access and the flow are the same whatever is spoken; a `Wire` is all that differs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from izwi import messages as m
from izwi.audio import Cut
from izwi.errors import IzwiError
from izwi.settings import Settings

Frame = str | bytes
Frames = Sequence[Frame]
"""Sent in this order with nothing between them."""
Check = Callable[[m.SessionStart], None]
"""Raises `UnsupportedLanguage` or `UnsupportedPair` where the stages cannot do what is asked for."""


@dataclass(frozen=True)
class Begin:
    """Start the session's flow."""

    start: m.SessionStart
    settings: Settings
    """The server's, with what this session may set for itself."""


@dataclass(frozen=True)
class Resume:
    wanted: m.SessionResume


@dataclass(frozen=True)
class Audio:
    data: bytes
    """In the format of `Begin`."""


@dataclass(frozen=True)
class End:
    """No more audio: finish what is there."""


@dataclass(frozen=True)
class Leave:
    """There is nothing to finish."""


@dataclass(frozen=True)
class Ping:
    pass


@dataclass(frozen=True)
class Pong:
    pass


@dataclass(frozen=True)
class Reply:
    """An answer that needs no session."""

    frames: Frames


Command = Begin | Resume | Audio | Cut | End | Leave | Ping | Pong | Reply


class Wire(Protocol):
    """One connection's protocol, with what must be remembered to speak it."""

    greets: bool
    """The server speaks first, so a client has its place from the handshake on; else from `Begin` on."""
    resumes: bool
    """Sessions survive their connection: they are stored, and sent elsewhere when the server stops."""
    pongs: bool
    """Clients answer pings, so that silence says that one is gone or does not read."""
    ahead_s: float
    """Seconds of audio that may wait; a client that sends more is disconnected."""

    def greet(self, query: Mapping[str, str], check: Check) -> Frames:
        """The first frames, if the server speaks first.

        Args:
            query: of the URL. Raise `ClientError` where it asks for what there is not.
            check: good for as long as the connection.
        """
        ...

    def read(self, frame: Frame) -> Sequence[Command]:
        """What a client's frame asks for. Raise `ClientError` where it cannot be followed; then nothing has changed."""
        ...

    def write(self, message: m.ServerMessage, payload: bytes | None = None) -> Frames:
        """An event of the session and the audio that belongs to it; nothing where the protocol has no word for it."""
        ...

    def fault(self, error: IzwiError, told: m.ErrorMessage) -> Frames:
        """An error that is no event of the session; ``told`` is how the native protocol says it."""
        ...
