"""The ear of a session: audio in, beginnings and ends of utterances out.

Gathers what is worth a call of the detector (`izwi.gate`), and gives its answers to the segmenter.
"""

import numpy as np

from izwi.gate import Gate
from izwi.load import Load
from izwi.recognition import NoteEngine
from izwi.segmenter import FRAME, Opened, Segmenter, SegmentEvent
from izwi.stage_settings import VadSettings
from izwi.stages import Samples, Stages, VadRequest, VadState

DIGITAL_SILENCE = 1.5 / 32768
"""Peak below which a chunk is a muted line: it costs no detector call."""
RUN_UP = 10 * FRAME
"""Samples before the first sound that the detector hears along with it: it judges by what it heard
before."""

Events = list[SegmentEvent]


class Detection:
    """One stream's. Offsets are samples since its start.

    Args:
        stages: `Stages.vad` is called.
        load: says how much to gather.
        note_engine: told which engine judged.
        position: offset of the first sample.
    """

    def __init__(
        self, settings: VadSettings, stages: Stages, load: Load, note_engine: NoteEngine, position: int
    ) -> None:
        self._stages = stages
        self._load = load
        self._note_engine = note_engine
        self._segmenter = Segmenter(settings, position)
        self._gate = Gate(settings)
        self._state = VadState()
        self._parts: list[Samples] = []
        self._count = 0
        self._unheard: Samples = np.zeros(0, np.float32)
        """The end of what the detector was not asked about."""
        self._floor: int | None = None

    @property
    def speaking(self) -> bool:
        """See `Segmenter.speaking`."""
        return self._segmenter.speaking

    @property
    def safe_position(self) -> int:
        """Everything before this offset belongs to utterances that have been announced, or to none."""
        safe = self._segmenter.safe_position
        return safe if self._floor is None else min(self._floor, safe)

    def reopen(self, onset: int) -> Opened:
        """See `Segmenter.reopen`."""
        return self._segmenter.reopen(onset)

    async def push(self, samples: Samples) -> Events | None:
        """What the audio means, to be followed by `announced`; None while more is gathered first."""
        self._parts.append(samples)
        self._count += len(samples)
        self._gate.heard(samples)
        hop = self._gate.hop(self._segmenter.speaking, self._load.hop_factor, self._stages.vad_company())
        return await self.catch_up() if self._count // FRAME * FRAME >= hop else None

    async def catch_up(self) -> Events:
        """Look at all whole frames that are held."""
        held, whole = self._take(), self._count // FRAME * FRAME
        self._parts, self._count = [held[whole:]], self._count - whole
        return await self._detect(held[:whole]) if whole else []

    def cut(self) -> Events:
        """End what is open after the last sample; call `catch_up` before."""
        rest = self._take()
        self._parts, self._count = [], 0
        return self._segmenter.cut(rest)

    async def flush(self) -> Events:
        """The stream has ended."""
        held = self._take()
        events = await self._detect(np.pad(held, (0, -len(held) % FRAME))) if len(held) else []
        return [*events, *self._segmenter.flush()]

    def announced(self) -> None:
        """All events so far have been acted upon."""
        self._floor = None

    def _take(self) -> Samples:
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)

    async def _detect(self, samples: Samples) -> Events:
        if self._nothing_in(samples):
            probabilities = (0.0,) * (len(samples) // FRAME)
            self._unheard = np.concatenate([self._unheard, samples])[-RUN_UP:]
        else:
            patient = not (self._segmenter.speaking or self._gate.loud)
            heard = np.concatenate([self._unheard, samples])
            state = self._state if len(self._unheard) < RUN_UP else VadState()
            result = await self._stages.vad(VadRequest(heard, state, patient=patient))
            await self._note_engine("vad", result.timing)
            probabilities, self._state = result.probabilities[len(self._unheard) // FRAME :], result.state
            self._unheard = self._unheard[:0]
        self._gate.judged(samples, probabilities)
        self._floor = self._segmenter.safe_position  # the segmenter gets ahead of what has been announced
        return self._segmenter.push(samples, probabilities)

    def _nothing_in(self, samples: Samples) -> bool:
        still = self._gate.still and not self._segmenter.speaking
        return still or float(np.abs(samples).max()) < DIGITAL_SILENCE
