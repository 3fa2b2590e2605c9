"""The ladder on its own: session time and the translations that wait are set by hand."""

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from izwi import messages as m
from izwi.errors import EngineFailed, StageTimeout
from izwi.load import Load
from izwi.session_settings import SessionSettings
from izwi.speaking import OVERLOADED, QUEUE_FULL, TOO_FAR_BEHIND, Speaking, Translations
from izwi.stages import Stages, Timing, TtsChunk, TtsRequest
from izwi.translation import Translated
from tests.unit.scripted import Run, Script

RATE = 0.065
"""Seconds per character of these voices, which is what the backlog expects before it has heard one."""


class Voice:
    """Says each word as one piece that is as long as its characters ask for."""

    def __init__(self, rate: float = RATE) -> None:
        self.rate = rate
        self.asked: list[TtsRequest] = []
        self.fail: Exception | None = None
        self.closed = 0

    async def __call__(self, request: TtsRequest) -> AsyncGenerator[TtsChunk]:
        self.asked.append(request)
        try:
            for word in request.text.split():
                samples = round((len(word) + 1) * self.rate / request.speed * 1000)
                yield TtsChunk(np.ones(samples, np.int16), 1000, Timing("voice"))
                if self.fail is not None:
                    raise self.fail
        finally:
            self.closed += 1


class Stage:
    """A speaking step with its queue, its clock and what it said."""

    def __init__(self, voice: Voice | None = None, places: int = 20, **start: object) -> None:
        self.voice = voice or Voice()
        self.run = Run([])
        self.now = 0.0
        self.live = True
        self.load = Load(0.3, 3.0)
        self.queue: Translations = asyncio.Queue(places)
        self.numbers = 0
        scripted = Script().stages()
        self.speaking = Speaking(
            m.SessionStart(target_language="es", **start),  # type: ignore[arg-type]
            SessionSettings(),
            Stages(scripted.vad, scripted.asr, scripted.mt, self.voice),
            self.load,
            self._emit,
            self._note,
            lambda: self.now,
            lambda: self.live,
        )

    async def _emit(self, message: m.ServerMessage, payload: bytes | None) -> None:
        self.run.events.append((message, payload))

    async def _note(self, stage: str, timing: Timing) -> None:
        pass

    async def offer(self, *texts: str) -> None:
        for text in texts:
            await self.speaking.offer(Translated(self.numbers, text), self.queue)
            self.numbers += 1

    async def speak(self) -> None:
        """Say what waits."""
        while not self.queue.empty():
            turn = await self.speaking.next(self.queue)
            assert turn is not None
            await self.speaking.say(turn)

    async def say(self, *texts: str) -> None:
        await self.offer(*texts)
        await self.speak()

    @property
    def ends(self) -> list[tuple[int, str]]:
        """How each clause ended, in the order told."""
        ends: list[tuple[int, str]] = []
        for message, _ in self.run.events:
            match message:
                case m.SpeechAudioMessage(data=data) if data.last:
                    ends.append((data.clause, "said"))
                case m.SpeechMergedMessage(data=data):
                    ends.append((data.clause, f"merged into {data.into}"))
                case m.SpeechSkippedMessage(data=data):
                    ends.append((data.clause, data.reason))
                case _:
                    pass
        return ends

    @property
    def paces(self) -> list[tuple[int, float, float]]:
        """Clause, speed and backlog of each synthesis."""
        closed = [e.data for e in self.run.of(m.SpeechAudioMessage) if e.data.last]
        return [(data.clause, data.speed, data.backlog_s) for data in closed]


SECOND = "x" * 14
"""With the space that a merged text or a voice adds, 15 characters: 0.975 s."""


def text(seconds: float) -> str:
    return " ".join([SECOND] * round(seconds))


async def test_with_time_to_spare_everything_is_said_as_asked() -> None:
    stage = Stage(speed=1.5)
    for _ in range(10):
        await stage.say(text(4))
        stage.now += 4
    assert stage.ends == [(n, "said") for n in range(10)]
    assert {(speed, behind) for _, speed, behind in stage.paces} == {(1.0, 0.0)}
    assert {request.speed for request in stage.voice.asked} == {1.5}


async def test_speech_that_is_behind_is_hurried_and_recovers() -> None:
    stage = Stage(speed=2.0)
    await stage.say(text(8))  # 3.9 s at the speed asked for
    stage.now = 0.5
    await stage.say(text(4))
    stage.now = 60
    await stage.say(text(4))
    _, (_, speed, behind), (_, after, gone) = stage.paces
    assert behind == pytest.approx(3.4, abs=0.05)
    assert speed == pytest.approx(1 + 0.25 * (behind - 2) / 4, abs=0.01)
    assert [request.speed for request in stage.voice.asked] == [2.0, 2.0 * speed, 2.0]
    assert (after, gone) == (1.0, 0.0)


async def test_translations_that_wait_far_behind_are_said_together_up_to_a_length() -> None:
    stage = Stage()
    await stage.say("x" * 95)  # 6.2 s
    await stage.offer(*["aaa bbb " + "c" * 53] * 3)  # 61 characters each
    await stage.speak()
    assert stage.ends == [(0, "said"), (2, "merged into 1"), (1, "said"), (3, "said")]
    spoken = [len(request.text) for request in stage.voice.asked]
    assert spoken[1:] == [2 * 61 + 1, 61]
    assert max(spoken) <= SessionSettings().speech_merge_chars < 3 * 61
    assert [speed for _, speed, _ in stage.paces] == [1.0, 1.25, 1.25]
    words = [e.data.clause for e in stage.run.of(m.SpeechAudioMessage) if not e.data.last]
    assert words == sorted(words)


async def test_translations_said_together_are_joined_as_their_script_writes_them() -> None:
    stage = Stage()
    await stage.say("x" * 95)  # 6.2 s
    await stage.offer("今日は雨です。", "明日は晴れるでしょう。", "「はい。」")
    await stage.speak()
    assert stage.ends == [(0, "said"), (2, "merged into 1"), (3, "merged into 1"), (1, "said")]
    assert stage.voice.asked[-1].text == "今日は雨です。明日は晴れるでしょう。「はい。」"


async def test_a_merged_text_without_spaces_may_be_as_long_as_one_with_them() -> None:
    stage, half = Stage(), "雨" * (SessionSettings().speech_merge_chars // 2)
    await stage.say("x" * 95)
    await stage.offer(half, half)
    await stage.speak()
    assert stage.ends == [(0, "said"), (2, "merged into 1"), (1, "said")]


async def test_a_long_translation_is_never_cut_to_fit() -> None:
    stage = Stage()
    await stage.say(text(7))
    await stage.offer(text(7), "y" * 180)
    await stage.speak()
    assert stage.ends == [(0, "said"), (1, "said"), (2, "said")]


async def test_too_far_behind_clauses_are_skipped_until_the_listener_has_caught_up() -> None:
    stage = Stage()
    await stage.say(text(16))
    await stage.say(text(3))
    stage.now = 2
    await stage.say(text(3))
    stage.now = 60
    await stage.say(text(3))
    assert stage.ends == [(0, "said"), (1, TOO_FAR_BEHIND), (2, "said"), (3, "said")]
    assert [speed for _, speed, _ in stage.paces] == [1.0, 1.25, 1.0]


async def test_what_waits_counts_before_it_is_synthesised() -> None:
    stage = Stage()
    await stage.offer(*[text(4)] * 6)
    assert stage.ends == [(n, TOO_FAR_BEHIND) for n in (4, 5)]


async def test_the_other_reasons_come_first() -> None:
    stage = Stage(places=1)
    await stage.offer("a", "b")
    while stage.load.level.value != "captions_only":
        stage.load.observe(10.0)
    await stage.offer("c")
    assert stage.ends == [(1, QUEUE_FULL), (2, OVERLOADED)]


async def test_a_file_is_said_in_full_and_as_asked_however_late_it_is() -> None:
    stage = Stage()
    stage.live = False
    for _ in range(10):
        await stage.say(*[text(10)] * 3)
    assert stage.ends == [(n, "said") for n in range(30)]
    assert {(speed, behind) for _, speed, behind in stage.paces} == {(1.0, 0.0)}
    stage.live = True  # the client has slowed down: what it got before is no debt
    await stage.say(text(1))
    assert stage.paces[-1][1:] == (1.0, 0.0)


async def test_after_the_end_of_the_audio_what_waits_is_said_clause_by_clause() -> None:
    stage = Stage()
    await stage.say(text(11))
    await stage.offer(text(2), text(2))
    stage.live = False
    await stage.speak()
    await stage.queue.put(None)
    assert await stage.speaking.next(stage.queue) is None
    assert stage.ends == [(0, "said"), (1, "said"), (2, "said")]


async def test_a_failed_synthesis_is_told_for_each_of_its_clauses() -> None:
    stage = Stage()
    await stage.say(text(8))
    stage.voice.fail = EngineFailed("no voice")
    await stage.say(text(2), text(2), text(1))
    stage.voice.fail = None
    stage.now = 20
    await stage.say(text(1))
    errors = [(e.data.code, e.data.clause) for e in stage.run.of(m.ErrorMessage)]
    assert errors == [("engine_failed", 1), ("engine_failed", 2), ("engine_failed", 3)]
    assert stage.ends == [(0, "said"), (2, "merged into 1"), (3, "merged into 1"), (1, "said"), (4, "said")]
    assert stage.paces[-1][2] == 0


async def test_a_cancelled_session_closes_the_synthesis_at_once() -> None:
    stage = Stage()
    stuck = asyncio.Event()

    async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
        stuck.set()
        await asyncio.sleep(60)

    stage.speaking._emit = emit
    await stage.offer(text(3))
    turn = await stage.speaking.next(stage.queue)
    assert turn is not None
    speaking = asyncio.create_task(stage.speaking.say(turn))
    await stuck.wait()
    assert stage.voice.closed == 0
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    assert stage.voice.closed == 1


CLAUSES = st.lists(st.tuples(st.floats(0, 6), st.integers(1, 8), st.booleans()), min_size=1, max_size=60)
"""Seconds since the clause before, its length in `SECOND`, and whether synthesis gets to work then."""


@hypothesis_settings(max_examples=60, deadline=None)
@given(clauses=CLAUSES, rate=st.floats(0.02, 0.2), fails=st.sets(st.integers(0, 30)))
async def test_whatever_comes_each_clause_ends_once_in_order_and_the_backlog_is_bounded(
    clauses: list[tuple[float, int, bool]], rate: float, fails: set[int]
) -> None:
    stage = Stage(Voice(rate))
    longest = 0.0
    for gap, length, works in clauses:
        stage.now += gap
        await stage.offer(text(length))
        longest = max(longest, length * (len(SECOND) + 1) * rate)
        if works:
            stage.voice.fail = StageTimeout("slow") if len(stage.voice.asked) in fails else None
            await stage.speak()
            limits = SessionSettings()
            unplayed = stage.speaking._backlog.at(stage.now, 0)
            # A text waits with the length that it is thought to have; the rate is learned, so it may turn out longer.
            wrong = max(1.0, rate / RATE)
            assert unplayed <= (limits.speech_skip_s + longest) * wrong + 1e-6
    await stage.speak()
    assert sorted(number for number, _ in stage.ends) == list(range(len(clauses)))
    said = [number for number, end in stage.ends if end == "said"]
    assert said == sorted(said)
