"""Audio on its way from the socket to the session: converted, limited in length, bounded in memory.

Reading from the socket never waits here, because Serve would only pile the frames up in its proxy. Instead a client
may be ahead by a window, which `audio.progress` moves on, and one that ignores it is told so and disconnected.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import numpy as np

from izwi.arrivals import Arrivals
from izwi.audio import SAMPLE_RATE, Cut
from izwi.converter import Converter, converter
from izwi.errors import AudioTooLong, DamagedAudio, IzwiError, ProtocolViolation
from izwi.messages import AudioFormat
from izwi.settings import Settings
from izwi.stages import Samples

PIECE = SAMPLE_RATE // 2
"""Samples per piece: large frames must not become large steps."""
SLACK = SAMPLE_RATE
"""Samples a client may exceed its window by: resampling and rounding are not its fault."""

AHEAD_S = 3.0
"""Seconds of audio that came before they can have been spoken, or that wait, from which on they are a file's: a
microphone's come one by one and are taken within a tenth of a second."""
FILE_PACE = 1.2
"""Times the pace of speech at which a file is told from a microphone: what came ahead at once, after a gap in the
network, is forgotten at a fifth of a second per second."""


class Overrun(ProtocolViolation):
    """The client ignored its window; unlike other violations this one ends the connection."""


class Intake:
    """The audio of one connection. Counts are samples at 16 kHz.

    Args:
        ahead_s: what may wait, in seconds; the client's window.
        clock: gives seconds.
    """

    def __init__(self, settings: Settings, ahead_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.window = round(ahead_s * SAMPLE_RATE)
        self.failure: IzwiError | None = None
        """Why the audio was cut off, to be told once everything before has been said."""
        self._limit = int(settings.max_audio_seconds * SAMPLE_RATE)
        self._format = AudioFormat()
        self._converter: Converter | None = None
        self._pieces: asyncio.Queue[Samples | Cut | None] = asyncio.Queue()
        self._received = 0
        self._again = 0
        """Samples still to come that have been there before."""
        self._waiting = 0
        self._clock = clock
        self._came_at = clock()
        self._ahead_s = 0.0
        self._ended = False
        self._deaf = False
        self.arrivals = Arrivals()
        """On the clock of this object, without what came ahead of the pace of speech."""

    @property
    def depth(self) -> tuple[int, int]:
        """Pieces that wait for the session, and how many may."""
        return -(-self._waiting // PIECE), -(-self.window // PIECE)

    @property
    def opened(self) -> bool:
        return self._converter is not None

    @property
    def waits(self) -> bool:
        """More audio is to come."""
        return not (self._ended or self._deaf)

    @property
    def live(self) -> bool:
        """Audio comes at the pace of speech, and more will come."""
        return not self._ended and max(self._ahead_s, self._waiting / SAMPLE_RATE) < AHEAD_S

    def open(self, audio: AudioFormat, received: int = 0, again: int = 0) -> None:
        """Take frames from now on.

        Args:
            received: samples that came over an earlier connection.
            again: the last ones of them, which the client sends once more so that a decoder finds its way into the
                stream; they go no further.

        Raises:
            ProtocolViolation: it is open already.
        """
        if self._converter is not None:
            raise ProtocolViolation("the session has started already")
        self._format = audio
        self._converter = converter(audio)
        self._received = received
        self._again = again

    def push(self, data: bytes) -> int:
        """Take a frame; returns the samples accepted.

        Raises:
            ProtocolViolation: before the start or after the end.
            DamagedAudio: it cannot be decoded; silence stands for it.
            Overrun: the client is ahead by more than its window.
        """
        if self._converter is None:
            raise ProtocolViolation("audio before session.start")
        if self._deaf:
            return 0
        if self._ended:
            raise ProtocolViolation("audio after audio.end")
        try:
            return self._queue(self._converter.push(data))
        except DamagedAudio:
            self._queue(self._converter.silence())
            raise

    def cut(self) -> None:
        """End the open utterance with the last sample pushed.

        Raises:
            ProtocolViolation: before the start or after the end.
        """
        if self._converter is None:
            raise ProtocolViolation("no audio has come yet")
        if self._deaf:
            return
        if self._ended:
            raise ProtocolViolation("the audio has ended")
        self._queue(self._converter.flush())
        self._converter = converter(self._format)
        self._pieces.put_nowait(Cut())

    def end(self) -> None:
        """No more audio: what the converter holds follows, then the stream ends. Further ends change nothing."""
        if self._converter is None:
            raise ProtocolViolation("audio.end before session.start")
        if not (self._ended or self._deaf):
            self._queue(self._converter.flush())
            self._close()

    def suspend(self) -> None:
        """Ignore frames from now on; the stream stays open, and the client will send them again elsewhere."""
        self._deaf = True

    def cut_off(self, failure: IzwiError | None = None) -> None:
        """End the stream from our side: frames under way are ignored, they are no violation."""
        self._deaf = True
        self.failure = self.failure or failure
        if self.opened and not self._ended:
            self._close()

    async def stream(self) -> AsyncIterator[Samples | Cut]:
        """The audio, in pieces of less than twice `PIECE` samples, and where it is cut, until its end.

        Small pieces that wait come together: a session that is behind would stay behind, if it asked about each.
        """
        held: list[Samples] = []
        while True:
            piece = await self._pieces.get()
            if piece is not None and not isinstance(piece, Cut):
                held.append(piece)
                if not self._pieces.empty() and sum(map(len, held)) < PIECE:
                    continue
            if held:
                joined = np.concatenate(held)
                held.clear()
                self._waiting -= len(joined)
                yield joined
            if piece is None:
                return
            if isinstance(piece, Cut):
                yield piece

    def _queue(self, samples: Samples) -> int:
        samples, self._again = samples[self._again :], max(0, self._again - len(samples))
        accepted = samples[: max(0, self._limit - self._received)]
        self._received += len(accepted)
        self._waiting += len(accepted)
        self._note_pace(len(accepted) / SAMPLE_RATE)
        if self._waiting > self.window + SLACK:
            raise Overrun(f"more than {self.window / SAMPLE_RATE:g} s of audio ahead of the server (audio.progress)")
        for begin in range(0, len(accepted), PIECE):
            self._pieces.put_nowait(accepted[begin : begin + PIECE])
        if len(accepted) < len(samples):
            self.cut_off(AudioTooLong(f"more than {self._limit / SAMPLE_RATE:g} s of audio in one session"))
        return len(accepted)

    def _note_pace(self, seconds: float) -> None:
        now = self._clock()
        self._ahead_s = max(0.0, self._ahead_s - FILE_PACE * (now - self._came_at)) + seconds
        self._ahead_s = min(self._ahead_s, 2 * AHEAD_S)  # whoever slows down is live again within 15 s
        self._came_at = now
        if seconds:
            self.arrivals.came(self._received, now if self._ahead_s < AHEAD_S else None)

    def _close(self) -> None:
        self._ended = True
        self._pieces.put_nowait(None)
