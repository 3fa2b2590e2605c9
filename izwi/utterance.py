"""The audio of one utterance while it grows: the listener appends at one end, the recogniser trims the other."""

import asyncio
from dataclasses import dataclass

import numpy as np

from izwi.speaker_sample import SpeakerSample
from izwi.stages import Samples
from izwi.tracing import Trace


@dataclass(frozen=True)
class Window:
    """A contiguous stretch of an utterance, ready to be recognised."""

    samples: Samples
    start: int
    """Stream offset of the first sample."""
    final: bool
    """Nothing will follow: the utterance is closed and the window reaches its end."""
    pause: bool
    """The speaker has been silent for a moment: no word is cut off, and this may turn out to be the end."""
    speech_end: int
    """Stream offset after the last speech so far."""
    fresh: int
    """Samples that no window before it held."""

    @property
    def end(self) -> int:
        """Stream offset after the last sample."""
        return self.start + len(self.samples)

    @property
    def careful(self) -> bool:
        """Worth a careful pass: the end, or what may turn out to be it."""
        return self.final or self.pause


@dataclass(frozen=True)
class Due:
    """A pass has something to do."""

    careful: bool
    """The speaker has paused or ended."""
    at: int
    """Stream offset: with audio up to there it was due, however much has come in since."""


class Utterance:
    """Audio between two endpoints. Offsets are samples since the start of the stream.

    Args:
        limit: samples held at most; `append` waits beyond it, which in the end slows the client down.
        attributed: keep in `said` what its speaker is known by.
    """

    def __init__(
        self, number: int, start: int, onset: int, limit: int, trace: Trace | None = None, attributed: bool = False
    ) -> None:
        self.number = number
        self.trace = trace
        self.onset = onset
        self.start = start
        self.end: int | None = None
        self.said = SpeakerSample(max(0, onset - start)) if attributed else None
        self._parts: list[Samples] = []
        self._held = 0
        self._limit = limit
        self._closed_at = start
        self._speech_end = start
        self._seen = max(start, onset)  # the pre-roll is no news
        self._paused_at = start  # end of the speech whose pause has been reported
        self._changed = asyncio.Condition()

    @property
    def held(self) -> int:
        """Samples in memory."""
        return self._held

    async def append(self, samples: Samples, speech: bool) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._held < self._limit)
            self._parts.append(samples)
            self._held += len(samples)
            if speech:
                self._speech_end = self.start + self._held
                if self.said is not None:
                    self.said.add(samples)
            self._changed.notify_all()

    async def close(self, end: int) -> None:
        async with self._changed:
            self.end = end
            self._closed_at = self.start + self._held
            self._changed.notify_all()

    async def due(self, fresh: int, pause: int) -> Due:
        """Wait for ``fresh`` new samples of speech, for ``pause`` samples of silence after any, or for the end."""
        async with self._changed:
            while (at := self._due(fresh, pause)) is None:  # which may be 0: `wait_for` would take that for no
                await self._changed.wait()
            return Due(self.end is not None or self._silent >= pause, at)

    def window(self, pause: int, most: int) -> Window:
        """What is held now: at most ``most`` samples from its start."""
        samples = np.concatenate(self._parts)[:most]
        seen, self._seen = self._seen, max(self._seen, self.start + len(samples))
        whole = len(samples) == self._held
        paused = whole and self._silent >= pause
        if paused:
            self._paused_at = self._speech_end
        return Window(
            samples,
            self.start,
            final=self.end is not None and whole,
            pause=paused,
            speech_end=self._speech_end,
            fresh=self._seen - seen,
        )

    @property
    def _silent(self) -> int:
        return self.start + self._held - self._speech_end

    def ended_at(self, speech_end: int) -> bool:
        """The utterance is closed, and nobody has spoken since that stream offset."""
        return self.end is not None and self._speech_end == speech_end

    def _due(self, fresh: int, pause: int) -> int | None:
        """Since which stream offset a pass is due; None where it is not."""
        since: list[int] = []
        if self.end is not None:
            since.append(self._closed_at)
        if self._held >= self._limit:  # nothing more will come before something goes
            since.append(self.start + self._limit)
        if self._speech_end - self._seen >= fresh:
            since.append(self._seen + fresh)
        if self._silent >= pause and self._speech_end > self._paused_at:
            since.append(self._speech_end + pause)
        return min(since, default=None)

    async def drop_before(self, offset: int) -> None:
        """Forget audio before a stream offset."""
        async with self._changed:
            count = min(max(0, offset - self.start), self._held)
            self._parts = [np.concatenate(self._parts)[count:]]
            self._held -= count
            self.start += count
            self._changed.notify_all()
