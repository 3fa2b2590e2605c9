"""Who said each utterance of a live session, told some time after its final transcript.

`izwi.diarization` clusters the windows of a recording once all have been heard; here each utterance is joined, when it
is over, to the voice whose windows are most similar to its own on average, or is the first of a new voice. That is
average linkage, as there, in the order of time: what was told is not taken back.
"""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from izwi import events, tracing
from izwi import messages as m
from izwi.clustering import Vectors
from izwi.diarization import Tuning
from izwi.errors import IzwiError, StageTimeout
from izwi.events import Emit
from izwi.recognition import NoteEngine
from izwi.stages import Samples, SpeakerRequest, Stages
from izwi.tracing import Trace
from izwi.utterance import Utterance

MOST_WAITING = 40
"""Utterances whose voices wait for the stage, which takes seconds to start: two minutes of talk."""
MOST_VOICES = 32
"""Told apart in one session; whoever comes later is taken for the most similar of them."""
LIMIT_S = 30.0
"""For one answer: a replica starts in five seconds, and the end of a session waits for the last answer."""


@dataclass(frozen=True)
class _Spoken:
    utterance: int
    windows: tuple[Samples, ...]
    seconds: float
    trace: Trace | None


class Attribution:
    """All utterances of a session. Nothing waits for it but the session's end.

    Args:
        stages: `Stages.speakers` is called.
        emit: receives a label for each utterance; and a failure of the stage, once until it works again.
        note_engine: told which engine knew the voice.
        voices: of the session before it was interrupted, by number.
    """

    def __init__(self, stages: Stages, emit: Emit, note_engine: NoteEngine, voices: Mapping[int, m.Voice]) -> None:
        self._ask = stages.speakers
        self._emit = emit
        self._note_engine = note_engine
        self._voices = Voices(voices)
        self._failing = False
        self.queue: asyncio.Queue[_Spoken | None] = asyncio.Queue(MOST_WAITING)
        """None closes it."""

    async def offer(self, utterance: Utterance) -> None:
        """Have its speaker told; does not wait for that."""
        said = utterance.said
        if said is None or self.queue.full():
            await self._emit(events.speaker(utterance.number, None), None)
        else:
            self.queue.put_nowait(_Spoken(utterance.number, said.windows(), said.seconds, utterance.trace))

    async def run(self) -> None:
        """Until the queue is closed."""
        while (spoken := await self.queue.get()) is not None:
            tracing.current.set(spoken.trace)
            await self._emit(events.speaker(spoken.utterance, await self._voice_of(spoken)), None)

    async def _voice_of(self, spoken: _Spoken) -> m.Voice | None:
        """None where it cannot be told. While the stage fails it is asked about the newest utterance only."""
        if not spoken.windows or (self._failing and not self.queue.empty()):
            return None
        try:
            try:
                async with asyncio.timeout(LIMIT_S):
                    result = await self._ask(SpeakerRequest(spoken.windows))
            except TimeoutError:
                raise StageTimeout(f"the speakers stage has not answered for {LIMIT_S:g} s") from None
        except IzwiError as error:
            if not self._failing:
                self._failing = True
                await self._emit(events.failure(error), None)
            return None
        self._failing = False
        await self._note_engine("speakers", result.timing)
        return self._voices.join(np.stack(result.vectors), spoken.seconds)


@dataclass
class _Known:
    """Windows of one voice so far."""

    mean: npt.NDArray[np.float32]
    windows: int


class Voices:
    """Those of a session so far.

    Args:
        known: by number.
    """

    def __init__(self, known: Mapping[int, m.Voice], tuning: Tuning | None = None) -> None:
        self._tuning = tuning or Tuning()
        self._known = {number: _Known(_unpacked(voice.mean), voice.windows) for number, voice in known.items()}

    def join(self, vectors: Vectors, seconds: float) -> m.Voice | None:
        """The voice that an utterance is said by, as it is known from now on.

        Args:
            vectors: of the utterance's windows, shape (windows, d), each of length 1.
            seconds: of speech in it. With less than `Tuning.min_speaker_s` nobody begins to be known, and where
                nobody is known it is None.
        """
        mean = vectors.mean(axis=0)
        similar = {
            number: float(one.mean @ mean) for number, one in self._known.items() if one.mean.shape == mean.shape
        }
        number = max(similar, key=lambda one: similar[one], default=None)
        short = seconds < self._tuning.min_speaker_s
        if number is None or (similar[number] < self._tuning.alike and not short and len(self._known) < MOST_VOICES):
            if short:
                return None
            number = max(self._known, default=-1) + 1
            self._known[number] = _Known(mean, len(vectors))
        elif similar[number] >= self._tuning.alike:  # what was only the least unlike says nothing about that voice
            one = self._known[number]
            count = one.windows + len(vectors)
            self._known[number] = _Known((one.mean * one.windows + mean * len(vectors)) / count, count)
        one = self._known[number]
        return m.Voice(number=number, mean=_packed(one.mean), windows=one.windows)


def _packed(mean: npt.NDArray[np.float32]) -> str:
    return base64.b64encode(mean.astype("<f2").tobytes()).decode()


def _unpacked(text: str) -> npt.NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32)
