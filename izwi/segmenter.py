"""Cuts a stream of detector probabilities into utterances. Time is frames received; there is no clock.

State: idle ──(min_speech_ms of speech)──> speaking ──(endpoint_ms of silence)──> idle
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from izwi.stage_settings import VadSettings
from izwi.stages import Samples

FRAME = 512
"""Samples per detector frame: 32 ms at 16 kHz, Silero's window."""
FRAME_MS = 32
HYSTERESIS = 0.15
"""Speech goes on until the probability falls this far below the threshold (Silero's reference values)."""


@dataclass(frozen=True)
class Opened:
    """An utterance begins; ``samples`` hold the pre-roll and the speech so far."""

    start: int
    """Stream offset of the first of ``samples``."""
    onset: int
    """Stream offset of the first speech frame."""
    samples: Samples


@dataclass(frozen=True)
class Continued:
    samples: Samples
    speech: bool
    """False inside a pause that may yet become an endpoint."""


@dataclass(frozen=True)
class Closed:
    """The utterance ended at ``end``, the stream offset after its last speech frame."""

    end: int


SegmentEvent = Opened | Continued | Closed


class Segmenter:
    """Turns frames and their probabilities into segment events; holds no more audio than the pre-roll.

    Args:
        start: stream offset of the first sample.
    """

    def __init__(self, settings: VadSettings, start: int = 0) -> None:
        self._enter = settings.threshold
        self._leave = max(settings.threshold - HYSTERESIS, 0.01)
        self._min_speech = -(-settings.min_speech_ms // FRAME_MS)
        self._endpoint = -(-settings.endpoint_ms // FRAME_MS)
        self._preroll = settings.preroll_ms // FRAME_MS
        self._ring: deque[Samples] = deque(maxlen=self._preroll + self._min_speech)
        self._start = start
        self._frames = 0
        self._speaking = False
        self._run = 0  # speech frames in a row while idle, silent ones while speaking

    @property
    def position(self) -> int:
        """Stream offset up to which audio has been seen."""
        return self._start + self._frames * FRAME

    @property
    def safe_position(self) -> int:
        """Everything before this offset is settled while idle: no later utterance can reach back to it."""
        return self.position - len(self._ring) * FRAME

    @property
    def speaking(self) -> bool:
        """An utterance is open, or about to be."""
        return self._speaking or self._run > 0

    def push(self, samples: Samples, probabilities: tuple[float, ...]) -> list[SegmentEvent]:
        """Feed whole frames, ``samples`` of shape (512 * len(probabilities),)."""
        events: list[SegmentEvent] = []
        for index, probability in enumerate(probabilities):
            frame = samples[index * FRAME : (index + 1) * FRAME]
            self._frames += 1
            events += self._speak(frame, probability) if self._speaking else self._wait(frame, probability)
        return events

    def reopen(self, onset: int) -> Opened:
        """Begin inside an utterance that was open when the session was interrupted."""
        self._speaking = True
        return Opened(self.position, onset, np.zeros(0, np.float32))

    def cut(self, rest: Samples) -> list[SegmentEvent]:
        """Close what is open here; no later utterance reaches back beyond this point.

        Args:
            rest: what came after the last whole frame, too short for the detector.
        """
        events: list[SegmentEvent] = []
        silent = self._run * FRAME
        if self._speaking and len(rest):
            events.append(Continued(rest, speech=not self._run))
            silent += len(rest) if self._run else 0
        self._start += len(rest)
        if self._speaking:
            events.append(Closed(self.position - silent))
        self._ring.clear()
        self._speaking, self._run = False, 0
        return events

    def flush(self) -> list[SegmentEvent]:
        """The stream ended: close what is open."""
        if not self._speaking:
            return []
        return [self._close()]

    def _wait(self, frame: Samples, probability: float) -> list[SegmentEvent]:
        self._ring.append(frame)
        self._run = self._run + 1 if probability >= self._enter else 0
        if self._run < self._min_speech:
            return []
        held = np.concatenate(self._ring)
        opened = Opened(self.position - len(held), self.position - self._run * FRAME, held)
        self._ring.clear()
        self._speaking, self._run = True, 0
        return [opened]

    def _speak(self, frame: Samples, probability: float) -> list[SegmentEvent]:
        if probability >= self._enter:
            self._run = 0
        elif probability < self._leave or self._run:
            self._run += 1
        events: list[SegmentEvent] = [Continued(frame, speech=self._run == 0)]
        if self._run >= self._endpoint:
            events.append(self._close())
        return events

    def _close(self) -> Closed:
        closed = Closed(self.position - self._run * FRAME)
        self._speaking, self._run = False, 0
        return closed
