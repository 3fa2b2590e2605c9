"""Recordings that clients upload: decoded in confinement, heard by the same stages as live speech."""

from typing import BinaryIO

from deployments.ingress.calls import StageCalls
from deployments.media.sandbox import MediaSandbox
from izwi.files.listening import Listening, Mark
from izwi.files.transcribe import Wish
from izwi.files.translating import Translating
from izwi.stage_settings import VadSettings


class Listener:
    """One replica's.

    Args:
        sandbox: decodes the recordings.
    """

    def __init__(self, calls: StageCalls, vad: VadSettings, sandbox: MediaSandbox) -> None:
        self._calls = calls
        self._vad = vad
        self._sandbox = sandbox

    def hear(self, file: BinaryIO, wish: Wish, vad: VadSettings | None = None, after: Mark = Mark()) -> Listening:  # noqa: B008 - frozen
        """Listen to a file that is open.

        Args:
            after: where to go on in one that has been heard in part.
        """
        return Listening(self._sandbox.decode(file), self._calls.ears(), wish, vad or self._vad, after=after)

    async def duration(self, file: BinaryIO) -> float | None:
        """Seconds of a file as its header tells them; raises as `MediaSandbox.duration` does."""
        return await self._sandbox.duration(file)

    async def translate(self, file: BinaryIO, wish: Wish, target: str) -> Translating:
        """Listen to it in another language."""
        pairs = (await self._calls.capabilities())["mt"].pairs
        return Translating(lambda wish: self.hear(file, wish), wish, self._calls.mt, pairs, target)
