"""Recordings that clients upload: decoded in confinement, heard by the same stages as live speech."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import BinaryIO

from deployments.ingress.calls import StageCalls
from deployments.media.sandbox import MediaSandbox
from izwi.audio import SAMPLE_RATE, from_pcm16
from izwi.diarization import label
from izwi.errors import AudioTooLong, DamagedAudio, UnsupportedAudio
from izwi.files.hearing import Wish
from izwi.files.listening import Listening, Mark
from izwi.files.translating import Translating
from izwi.stage_settings import VadSettings
from izwi.stage_times import StageTimes
from izwi.stages import Embedding, Samples, SpeakerRequest, Word

SAMPLE_BYTES = 2
PIECE = 4 * SAMPLE_RATE * SAMPLE_BYTES
"""Bytes read at once: four seconds, which the detector takes in one call."""


@dataclass(frozen=True)
class Pcm:
    """A file of 16-bit little-endian mono samples at 16 kHz, without a header."""

    file: BinaryIO

    async def samples(self, max_seconds: float) -> AsyncGenerator[Samples]:
        """Its audio; raises as `MediaSandbox.decode` does."""
        size = os.fstat(self.file.fileno()).st_size
        if size < SAMPLE_BYTES:
            raise UnsupportedAudio("the file holds no audio that can be decoded")
        if size > max_seconds * SAMPLE_RATE * SAMPLE_BYTES:
            raise AudioTooLong(f"the file is longer than the {max_seconds:g} s that are accepted")
        await asyncio.to_thread(self.file.seek, 0)
        while piece := await asyncio.to_thread(self.file.read, PIECE):
            yield from_pcm16(piece[: len(piece) // SAMPLE_BYTES * SAMPLE_BYTES])


class Listener:
    """One replica's.

    Args:
        sandbox: decodes the recordings.
    """

    def __init__(self, calls: StageCalls, vad: VadSettings, sandbox: MediaSandbox) -> None:
        self._calls = calls
        self._vad = vad
        self._sandbox = sandbox

    def hear(
        self,
        file: BinaryIO | Pcm,
        wish: Wish,
        vad: VadSettings | None = None,
        after: Mark = Mark(),  # noqa: B008 - frozen
        spent: StageTimes | None = None,
    ) -> Listening:
        """Listen to a file that is open.

        Args:
            after: where to go on in one that has been heard in part.
            spent: adds up where the time goes; None begins anew.
        """
        audio = file.samples(self._sandbox.max_seconds) if isinstance(file, Pcm) else self._sandbox.decode(file)
        return Listening(audio, self._calls.ears(), wish, vad or self._vad, after, spent)

    async def duration(self, file: BinaryIO) -> float | None:
        """Seconds of a file as its header tells them; raises as `MediaSandbox.duration` does."""
        return await self._sandbox.duration(file)

    async def speakers(self, file: BinaryIO, words: Sequence[Word], spent: StageTimes) -> list[str]:
        """Who said each word of a file: a label per word, see `izwi.diarization.label`. ``spent`` is told of the calls
        that it takes."""

        async def embed(windows: tuple[Samples, ...]) -> Sequence[Embedding]:
            result = await self._calls.speakers(SpeakerRequest(windows))
            spent.note("speakers", result.timing)
            return result.vectors

        async def audio() -> AsyncGenerator[Samples]:
            async with aclosing(self._sandbox.decode(file)) as pieces:
                with suppress(DamagedAudio):  # told when the words were heard
                    async for piece in pieces:
                        yield piece

        async with aclosing(audio()) as whole:
            return await label(words, whole, embed)

    async def translate(self, file: BinaryIO | Pcm, wish: Wish, target: str) -> Translating:
        """Listen to it in another language."""
        pairs = (await self._calls.capabilities())["mt"].pairs
        spent = StageTimes()  # of all attempts
        return Translating(lambda wish: self.hear(file, wish, spent=spent), wish, self._calls.mt, pairs, target)
