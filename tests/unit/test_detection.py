"""When the detector is asked, and about what: rooms of known noise, a detector that remembers."""

from collections.abc import Iterator

import numpy as np
import pytest

from izwi.detection import RUN_UP, Detection
from izwi.load import Load
from izwi.segmenter import FRAME, Opened
from izwi.stage_settings import VadSettings
from izwi.stages import Samples, Stages, Timing, VadRequest, VadResult, VadState
from tests.unit.scripted import Script

CHUNK = 1600
LOUD = 0.1


class Room:
    """One stream, and a detector that takes loud frames for speech and counts what it has heard in its state."""

    def __init__(self) -> None:
        self.asked: list[VadRequest] = []
        self._random = np.random.default_rng(1)
        others = Script().stages()
        stages = Stages(self._judge, others.asr, others.mt, others.tts)
        self._detection = Detection(VadSettings(), stages, Load(0.3, 3.0), self._note, 0)

    async def _judge(self, request: VadRequest) -> VadResult:
        self.asked.append(request)
        frames = np.abs(request.samples.reshape(-1, FRAME)).max(axis=1)
        seen = 0 if request.state.hidden is None else int(request.state.hidden[0])
        state = VadState(hidden=np.array([seen + len(frames)], np.float32))
        return VadResult(tuple(0.9 if peak >= LOUD else 0.1 for peak in frames), state, Timing("scripted"))

    async def _note(self, stage: str, timing: Timing) -> None:
        pass

    def noise(self, seconds: float, dbfs: float) -> Samples:
        return self._random.normal(0, 10 ** (dbfs / 20), int(seconds * 16_000)).astype(np.float32)

    async def hears(self, samples: Samples) -> list[Opened]:
        found: list[Opened] = []
        for chunk in _chunks(samples):
            events = await self._detection.push(chunk) or []
            found += [event for event in events if isinstance(event, Opened)]
            self._detection.announced()
        return found


def _chunks(samples: Samples) -> Iterator[Samples]:
    for begin in range(0, len(samples), CHUNK):
        yield samples[begin : begin + CHUNK]


@pytest.fixture
def room() -> Room:
    return Room()


async def test_a_still_room_is_not_asked_about(room: Room) -> None:
    await room.hears(room.noise(5, -60))
    asked = len(room.asked)
    assert 0 < asked < 10, "its noise has to be learned first"
    await room.hears(room.noise(60, -60))
    assert len(room.asked) == asked


async def test_a_room_with_a_fan_is_asked_about_every_second(room: Room) -> None:
    await room.hears(room.noise(5, -40))
    asked = len(room.asked)
    await room.hears(room.noise(20, -40))
    assert 18 <= len(room.asked) - asked <= 22


async def test_what_ends_the_stillness_is_heard_with_what_was_before_it_and_found_where_it_is(room: Room) -> None:
    still = room.noise(20, -60)
    still = still[: len(still) // FRAME * FRAME]
    await room.hears(still)
    asked = len(room.asked)
    sound = np.full(10 * FRAME, 2 * LOUD, np.float32)
    (opened,) = await room.hears(sound)
    assert opened.onset == len(still)
    first = room.asked[asked]
    assert first.state.hidden is None, "what was heard long ago is not what came before"
    loud = int(np.argmax(np.abs(first.samples) >= LOUD))
    np.testing.assert_array_equal(first.samples[:loud], still[len(still) - loud :])
    assert loud >= RUN_UP


async def test_a_short_gap_in_what_a_line_sends_is_made_up_for(room: Room) -> None:
    """A muted moment is not asked about; afterwards the detector is where it would be if it had been."""
    loud = np.full(16 * CHUNK, 2 * LOUD, np.float32)
    await room.hears(np.concatenate([loud, np.zeros(2 * CHUNK, np.float32), loud]))
    heard = sum(request.samples.size for request in room.asked)
    last = room.asked[-1]
    assert last.state.hidden is not None
    assert int(last.state.hidden[0]) * FRAME + last.samples.size == heard
    assert heard >= 34 * CHUNK - 3 * FRAME
