"""Recordings that clients upload: decoded in confinement, heard by the same stages as live speech."""

from typing import BinaryIO

from deployments.ingress.calls import StageCalls
from deployments.media.sandbox import Limits, MediaSandbox
from izwi.files.listening import Listening
from izwi.files.transcribe import Wish
from izwi.files.translating import Translating
from izwi.settings import Settings
from izwi.stage_settings import VadSettings


class Listener:
    """One replica's."""

    def __init__(self, calls: StageCalls, settings: Settings) -> None:
        self._calls = calls
        self._vad = settings.vad
        self._sandbox = MediaSandbox(Limits(settings.max_audio_seconds))

    def hear(self, file: BinaryIO, wish: Wish, vad: VadSettings | None = None) -> Listening:
        """Listen to a file that is open."""
        return Listening(self._sandbox.decode(file), self._calls.ears(), wish, vad or self._vad)

    async def translate(self, file: BinaryIO, wish: Wish, target: str) -> Translating:
        """Listen to it in another language."""
        pairs = (await self._calls.capabilities())["mt"].pairs
        return Translating(lambda wish: self.hear(file, wish), wish, self._calls.mt, pairs, target)
