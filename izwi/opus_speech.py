"""Translated speech as Opus: stands between a session and its connection, and lets all other events through.

Every clause is a stream of its own, begun anew after an interruption. ``samples`` stays what it is with PCM: how many
samples of the speech a message completes. So a client knows exactly what it has heard of a clause, and what is said
again begins with the next sample.
"""

import asyncio

import numpy as np

from izwi import messages as m
from izwi.events import Emit
from izwi.opus import OpusEncoder
from izwi.opus_packets import join


class OpusSpeech:
    """
    Args:
        emit: takes the events, with speech in packets; see `izwi.opus_packets.join`.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._encoder: OpusEncoder | None = None
        """Of the clause that is being said."""
        self._spoken: m.SpeechAudioMessage | None = None
        """Its last message."""
        self._told = 0

    async def emit(self, message: m.ServerMessage, payload: bytes | None = None) -> None:
        """As `Emit`. The payload is PCM16 at ``sample_rate``."""
        if not isinstance(message, m.SpeechAudioMessage):
            await self._emit(message, payload)
            return
        if payload:
            encoder = self._encoder or OpusEncoder(message.data.sample_rate)
            self._encoder, self._spoken = encoder, message
            # 4 ms for a second of speech, and pieces of several seconds: too much for an event loop that others share.
            packets = await asyncio.to_thread(encoder.push, np.frombuffer(payload, "<i2").astype(np.int16, copy=False))
            await self._tell(encoder, message, packets)
        if message.data.last:
            if self._encoder is not None and self._spoken is not None:
                await self._tell(self._encoder, self._spoken, self._encoder.finish())
            self._encoder, self._spoken, self._told = None, None, 0
            await self._emit(message, None)

    async def _tell(self, encoder: OpusEncoder, message: m.SpeechAudioMessage, packets: list[bytes]) -> None:
        if not packets:
            return
        samples, self._told = encoder.complete - self._told, encoder.complete
        data = message.data.model_copy(update={"samples": samples})
        await self._emit(message.model_copy(update={"data": data}), join(packets))
