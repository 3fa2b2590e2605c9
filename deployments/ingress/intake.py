"""Audio on its way from the socket to the session: converted, limited in length, bounded in memory.

Reading from the socket never waits here, because Serve would only pile the frames up in its proxy. Instead a client
may be ahead by a window, which `audio.progress` moves on, and one that ignores it is told so and disconnected.
"""

import asyncio
from collections.abc import AsyncIterator

from izwi.audio import SAMPLE_RATE, PcmConverter
from izwi.errors import AudioTooLong, IzwiError, ProtocolViolation
from izwi.messages import AudioFormat
from izwi.settings import Settings
from izwi.stages import Samples

PIECE = SAMPLE_RATE // 2
"""Samples per piece handed on at most: large frames must not become large steps."""
SLACK = SAMPLE_RATE
"""Samples a client may exceed its window by: resampling and rounding are not its fault."""


class Overrun(ProtocolViolation):
    """The client ignored its window; unlike other violations this one ends the connection."""


class Intake:
    """The audio of one connection. Counts are samples at 16 kHz."""

    def __init__(self, settings: Settings) -> None:
        self.window = settings.session.audio_queue * PIECE
        self.failure: IzwiError | None = None
        """Why the audio was cut off, to be told once everything before has been said."""
        self._limit = int(settings.max_audio_seconds * SAMPLE_RATE)
        self._converter: PcmConverter | None = None
        self._pieces: asyncio.Queue[Samples | None] = asyncio.Queue()
        self._received = 0
        self._waiting = 0
        self._ended = False
        self._deaf = False

    @property
    def opened(self) -> bool:
        return self._converter is not None

    @property
    def waiting(self) -> int:
        """Samples taken from the client and not yet by the session."""
        return self._waiting

    def open(self, audio: AudioFormat) -> None:
        """Raise `ProtocolViolation` if it is open already."""
        if self._converter is not None:
            raise ProtocolViolation("the session has started already")
        self._converter = PcmConverter(audio)

    def push(self, data: bytes) -> int:
        """Take a frame; returns the samples accepted.

        Raises:
            ProtocolViolation: before the start or after the end.
            Overrun: the client is ahead by more than its window.
        """
        if self._converter is None:
            raise ProtocolViolation("audio before session.start")
        if self._deaf:
            return 0
        if self._ended:
            raise ProtocolViolation("audio after audio.end")
        return self._queue(self._converter.push(data))

    def end(self) -> None:
        """No more audio: what the converter holds follows, then the stream ends. Further ends change nothing."""
        if self._converter is None:
            raise ProtocolViolation("audio.end before session.start")
        if not self._ended:
            self._queue(self._converter.flush())
            self._close()

    def cut_off(self, failure: IzwiError | None = None) -> None:
        """End the stream from our side: frames under way are ignored, they are no violation."""
        self._deaf = True
        self.failure = self.failure or failure
        if self.opened and not self._ended:
            self._close()

    async def stream(self) -> AsyncIterator[Samples]:
        """The audio, in pieces of at most `PIECE` samples, until its end."""
        while (piece := await self._pieces.get()) is not None:
            self._waiting -= len(piece)
            yield piece

    def _queue(self, samples: Samples) -> int:
        accepted = samples[: self._limit - self._received]
        self._received += len(accepted)
        self._waiting += len(accepted)
        if self._waiting > self.window + SLACK:
            raise Overrun(f"more than {self.window / SAMPLE_RATE:g} s of audio ahead of the last audio.progress")
        for begin in range(0, len(accepted), PIECE):
            self._pieces.put_nowait(accepted[begin : begin + PIECE])
        if len(accepted) < len(samples):
            self.cut_off(AudioTooLong(f"more than {self._limit / SAMPLE_RATE:g} s of audio in one session"))
        return len(accepted)

    def _close(self) -> None:
        self._ended = True
        self._pieces.put_nowait(None)
