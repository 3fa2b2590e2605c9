"""Recordings with a scripted detector and recogniser that knows what is said when."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from izwi.audio import SAMPLE_RATE
from izwi.errors import DamagedAudio, EngineFailed
from izwi.files.hearing import Ears, Wish
from izwi.files.listening import Listening, Mark, Step
from izwi.files.segments import Segment
from izwi.files.transcribe import AT_ONCE
from izwi.stage_settings import VadSettings
from izwi.stages import AsrRequest, AsrResult, Samples, Timing, VadRequest, VadResult, VadState, Word
from tests.timed_audio import recording, speech

TIMING = Timing("scripted")


@dataclass
class Scripted:
    """A speaker who counts, a word every half second; the recogniser hears those that are whole in its window."""

    fail_at: int | None = None
    asked: list[AsrRequest] = field(default_factory=list)
    inside: int = 0
    most: int = 0

    async def vad(self, request: VadRequest) -> VadResult:
        return VadResult(speech(request.samples), VadState(), TIMING)

    async def asr(self, request: AsrRequest) -> AsrResult:
        self.asked.append(request)
        number = len(self.asked)
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.001 * (number % 5))  # answers come in any order
        self.inside -= 1
        if number == self.fail_at:
            raise EngineFailed("broken")
        start = abs(float(request.samples[0])) - 1
        end = start + len(request.samples) / SAMPLE_RATE
        heard = tuple(
            Word(f" {half}", half / 2 - start, half / 2 + 0.4 - start, 0.9)
            for half in range(int(np.ceil(start * 2 - 1e-3)), int(end * 2) + 1)
            if half / 2 + 0.4 <= end and request.samples[int((half / 2 + 0.2 - start) * SAMPLE_RATE)] > 0
        )
        return AsrResult(heard, "en", 1.0, TIMING)


async def pieces(audio: Samples, error: Exception | None = None) -> AsyncGenerator[Samples]:
    for at in range(0, len(audio), 8000):
        yield audio[at : at + 8000]
    if error:
        raise error


def listening(audio: AsyncGenerator[Samples], engine: Scripted, wish: Wish = Wish()) -> Listening:  # noqa: B008 - frozen
    return Listening(audio, Ears(engine.vad, engine.asr), wish, VadSettings())


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


async def test_every_word_is_heard_once_and_in_order_with_and_without_pauses() -> None:
    engine = Scripted()
    audio = recording((0, 100), (102, 110), (111, 140), (140.9, 143), seconds=150)
    transcript = await listening(pieces(audio), engine).finish()
    said = [half for half in range(300) if audio[int((half / 2 + 0.2) * SAMPLE_RATE)] > 0]
    assert numbers(transcript.text) == said
    assert transcript.duration_s == 150
    assert transcript.language == "en"
    for word in transcript.words:
        assert word.start_s == pytest.approx(int(word.text) / 2, abs=0.01)
    assert [request.language for request in engine.asked] == [None] + ["en"] * (len(engine.asked) - 1)


async def test_windows_are_recognised_at_once_but_not_without_bound() -> None:
    engine = Scripted()
    spans = [(n * 12.0, n * 12.0 + 10) for n in range(80)]
    audio = recording(*spans, seconds=960)
    transcript = await listening(pieces(audio), engine, Wish("en")).finish()
    assert 2 <= engine.most <= AT_ONCE + 2
    assert numbers(transcript.text) == sorted(numbers(transcript.text))


async def test_a_damaged_recording_gives_what_can_be_heard() -> None:
    audio = recording((0, 30), seconds=30)
    task = listening(pieces(audio, DamagedAudio("cut off")), Scripted())
    transcript = await task.finish()
    assert numbers(transcript.text)[:40] == list(range(40))
    assert isinstance(task.warning, DamagedAudio)


async def test_a_failing_recogniser_fails_the_recording_and_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    engine = Scripted(fail_at=3)
    audio = recording(*[(n * 12.0, n * 12.0 + 10) for n in range(20)], seconds=240)
    with pytest.raises(EngineFailed):
        await listening(pieces(audio), engine, Wish("en")).finish()
    assert asyncio.all_tasks() == before


async def test_who_stops_listening_stops_the_work() -> None:
    before = asyncio.all_tasks()
    closed = False

    async def endless() -> AsyncGenerator[Samples]:
        nonlocal closed
        try:
            while True:
                yield recording((0, 8), seconds=10)
                await asyncio.sleep(0)
        finally:
            closed = True

    segments = listening(endless(), Scripted()).segments()
    await anext(segments)
    await segments.aclose()
    assert closed
    assert asyncio.all_tasks() == before


LECTURE = [(0, 47), (47.1, 100), (102, 110), (111, 140), (140.9, 143), (150, 155)]
"""Who talks on and on, then with pauses: windows that end at forced cuts, and others."""


async def steps_of(engine: Scripted, after: Mark, error: Exception | None = None) -> tuple[list[Step], Listening]:
    audio = pieces(recording(*LECTURE, seconds=160), error)
    task = Listening(audio, Ears(engine.vad, engine.asr), Wish(), VadSettings(), after=after)
    return [step async for step in task.steps()], task


def segments_of(steps: Sequence[Step]) -> list[Segment]:
    return [segment for step in steps for segment in step.segments]


async def test_who_goes_on_after_any_window_gets_the_rest_of_the_same_segments() -> None:
    whole = Scripted()
    steps, undisturbed = await steps_of(whole, Mark())
    assert len(steps) >= 8
    assert any(step.mark.held.cut is not None for step in steps)
    for number, step in list(enumerate(steps[:-1]))[::2]:
        mark = TypeAdapter(Mark).validate_json(TypeAdapter(Mark).dump_json(step.mark))  # as it is stored
        engine = Scripted()
        rest, task = await steps_of(engine, mark)
        assert segments_of(steps[: number + 1]) + segments_of(rest) == segments_of(steps)
        assert len(engine.asked) == len(whole.asked) - mark.held.windows
        assert {request.language for request in engine.asked} <= {"en"}
        assert (task.duration_s, task.language) == (undisturbed.duration_s, "en")


async def test_the_last_segment_comes_again_with_its_number_where_only_the_end_was_not_noted() -> None:
    steps, _ = await steps_of(Scripted(), Mark())
    engine = Scripted()
    again, _ = await steps_of(engine, steps[-1].mark)
    assert segments_of(again) == segments_of(steps)[-1:]
    assert engine.asked == []


async def test_what_fails_can_be_heard_on_and_what_was_heard_is_there_meanwhile() -> None:
    steps, _ = await steps_of(Scripted(), Mark())
    engine = Scripted(fail_at=4)
    before: list[Step] = []

    async def hear() -> None:
        async for step in listening(pieces(recording(*LECTURE, seconds=160)), engine).steps():
            before.append(step)

    with pytest.raises(EngineFailed):
        await hear()
    mark = before[-1].mark
    told = [word.text for segment in [*segments_of(before), *mark.rest()] for word in segment.words]
    assert mark.held.words
    assert told == [f" {half}" for half in range(len(told))]
    rest, _ = await steps_of(Scripted(), mark)
    assert segments_of(before) + segments_of(rest) == segments_of(steps)


async def test_an_utterance_that_the_text_leaves_out_is_heard_alone() -> None:
    class Impatient(Scripted):
        async def asr(self, request: AsrRequest) -> AsrResult:
            """Ends its text at the first pause."""
            found = await super().asr(request)
            speech = request.samples > 0
            first = int(np.argmax(speech))
            end_s = (first + int(np.argmin(speech[first:]))) / SAMPLE_RATE if not speech[first:].all() else np.inf
            kept = tuple(word for word in found.words if word.start_s < end_s)
            return replace(found, words=kept)

    audio = recording((1, 3), (3.9, 6), (6.8, 9), seconds=12)
    engine = Impatient()
    transcript = await listening(pieces(audio), engine, Wish("en")).finish()
    assert numbers(transcript.text) == [half for half in range(24) if audio[int((half / 2 + 0.2) * SAMPLE_RATE)] > 0]
    assert len(engine.asked) == 3
