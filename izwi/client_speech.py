"""A client's ear: `speech.audio` messages joined to their audio, PCM or Opus."""

import base64

import numpy as np
from websockets.asyncio.client import ClientConnection

from izwi.client_events import Speech
from izwi.errors import DamagedAudio, ProtocolViolation
from izwi.messages import OPUS_RATE, SpeechAudio, SpeechAudioMessage
from izwi.opus import OpusDecoder, Pcm
from izwi.opus_packets import PRE_SKIP, split


class PcmEar:
    """Speech that comes as PCM16."""

    def hear(self, data: SpeechAudio, audio: bytes) -> Speech:
        if len(audio) != 2 * data.samples:
            raise ProtocolViolation(f"speech.audio announced {data.samples} samples, another frame followed")
        return _speech(data, data.sample_rate, np.frombuffer(audio, "<i2").astype(np.int16))

    def interrupt(self) -> None:
        """The connection was replaced."""


class OpusEar:
    """Speech that comes as Opus; it is given at 48 kHz. Every clause is a stream of its own, and so is what comes of it
    after an interruption."""

    def __init__(self) -> None:
        self._decoder: OpusDecoder | None = None
        self._clause = -1
        self._skip = 0

    def hear(self, data: SpeechAudio, audio: bytes) -> Speech:
        if not data.samples:  # what closes a clause may have no sample_rate either
            return _speech(data, OPUS_RATE, np.zeros(0, np.int16))
        if self._decoder is None or data.clause != self._clause:
            self._decoder, self._clause, self._skip = OpusDecoder(), data.clause, PRE_SKIP
        try:
            pcm = np.concatenate([np.zeros(0, np.int16), *map(self._decoder.decode, split(audio))])
        except DamagedAudio as error:
            raise ProtocolViolation(f"speech.audio: {error}") from None
        pcm, self._skip = pcm[self._skip :], max(0, self._skip - len(pcm))
        announced = data.samples * OPUS_RATE // data.sample_rate
        if len(pcm) < announced:
            raise ProtocolViolation(f"speech.audio announced {data.samples} samples, its packets hold fewer")
        return _speech(data, OPUS_RATE, pcm[:announced])

    def interrupt(self) -> None:
        self._decoder = None


Ear = PcmEar | OpusEar


async def speech_of(socket: ClientConnection, message: SpeechAudioMessage, ear: Ear) -> Speech:
    """The message with its audio, which may be the next frame.

    Raises:
        ProtocolViolation: another frame follows.
    """
    data = message.data
    if data.samples == 0:
        audio: bytes | str = b""
    elif data.audio is not None:
        audio = base64.b64decode(data.audio)
    else:
        audio = await socket.recv()
    if isinstance(audio, str):
        raise ProtocolViolation("speech.audio announced a binary frame, a text frame followed")
    return ear.hear(data, audio)


def _speech(data: SpeechAudio, rate: int, pcm: Pcm) -> Speech:
    return Speech(data.clause, data.engine, rate, pcm, data.last, data.speed, data.backlog_s)
