"""A client's audio on its way out: kept until it is acknowledged, sent as far as the credit goes, over as many
connections as it takes."""

import asyncio
import time
from collections.abc import Callable, Sequence

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from izwi.audio import SAMPLE_RATE
from izwi.client_encoding import encoding
from izwi.converter import resend_from
from izwi.errors import IzwiError, ProtocolViolation
from izwi.messages import AudioEndMessage, AudioFormat, AudioProgress
from izwi.pacing import FrameLimit, SendClock
from izwi.replay import ReplayBuffer
from izwi.stages import Samples

MAX_FRAME_SAMPLES = SAMPLE_RATE // 2
"""Longest frame sent: half a second stays far below the server's frame limit and its credit window."""


class Outbound:
    """
    Args:
        audio: as what it is sent; raises ValueError where a client cannot.
        clock: of the times in `sent`, monotonic seconds.
    """

    def __init__(self, audio: AudioFormat, clock: Callable[[], float]) -> None:
        self._format = audio
        self._encoding = encoding(audio)
        self._encoder = self._encoding()
        """Of this connection."""
        self._clock = clock
        self._limit = FrameLimit()
        self._changed = asyncio.Condition()
        self._audio = ReplayBuffer()
        self._next_sample = 0
        self._credit_from = 0
        self._window = 0
        self._ending = self._end_told = False
        self._closed: IzwiError | None = None
        self.socket: ClientConnection | None = None
        """None while there is no connection."""
        self.sent = SendClock()

    # --- the application --------------------------------------------------------------------------------------------
    async def append(self, samples: Samples) -> None:
        """Take audio; waits while more than the server's window would be unacknowledged. Raises what `close` was
        given."""
        step = min(MAX_FRAME_SAMPLES, self._window)
        for first in range(0, len(samples), step):
            piece = samples[first : first + step]
            async with self._changed:
                await self._changed.wait_for(
                    lambda piece=piece: self._closed or self._audio.end + len(piece) - self._credit_from <= self._window
                )
                self._check()
                self._audio.append(piece)
                self._changed.notify_all()
            self.sent.sent(len(piece), self._clock())

    async def end(self) -> None:
        """No more audio comes; raises as `append` does."""
        async with self._changed:
            self._check()
            self._ending = True
            self._changed.notify_all()

    # --- the connection ---------------------------------------------------------------------------------------------
    async def attach(self, socket: ClientConnection, from_samples: int, window: int) -> None:
        """Send over ``socket`` from now on, beginning with the sample at offset ``from_samples``."""
        async with self._changed:
            self._next_sample = self._credit_from = from_samples
            self._window = window
            self._end_told = False
            self._encoder = self._encoding()
            self.socket = socket
            self._changed.notify_all()

    async def detach(self) -> None:
        """The connection is gone; audio is kept."""
        async with self._changed:
            self.socket = None

    async def progress(self, told: AudioProgress) -> None:
        """The server has taken in and settled so much."""
        self._audio.acknowledge(resend_from(self._format, told.acknowledged_samples))
        async with self._changed:
            self._credit_from = told.received_samples
            self._changed.notify_all()

    async def close(self, failure: IzwiError | None) -> None:
        """The session is over: whoever still appends gets ``failure``, or a `ProtocolViolation`."""
        self._closed = failure or ProtocolViolation("the session is over")  # at once: the reader may know already
        async with self._changed:
            self._changed.notify_all()

    async def run(self) -> None:
        """Send what is in the buffer and has not been sent over this connection, as far as the credit goes."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self.socket is not None and (self._due() or self._end_due()))
                socket, encoder, count = self.socket, self._encoder, self._due()
                piece = self._audio.read(self._next_sample, count)
                self._next_sample += count
                self._end_told = not count
            frames = encoder.push(piece) if count else [*encoder.finish(), AudioEndMessage().model_dump_json()]
            try:
                if socket is not None:
                    await self._send(socket, frames)
            except ConnectionClosed:  # the reader replaces it
                async with self._changed:
                    if self.socket is socket:
                        self.socket = None

    async def _send(self, socket: ClientConnection, frames: Sequence[bytes | str]) -> None:
        for frame in frames:
            await asyncio.sleep(self._limit.wait_s(time.monotonic()))
            await socket.send(frame)

    def _due(self) -> int:
        """Samples to send now."""
        credit = self._credit_from + self._window - self._next_sample
        return max(0, min(self._audio.end - self._next_sample, credit, MAX_FRAME_SAMPLES))

    def _end_due(self) -> bool:
        return self._ending and not self._end_told and self._next_sample >= self._audio.end

    def _check(self) -> None:
        if self._closed is not None:
            raise self._closed
