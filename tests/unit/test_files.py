"""Recordings with a scripted detector and recogniser that knows what is said when."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
from pydantic import TypeAdapter

from izwi.audio import SAMPLE_RATE
from izwi.errors import DamagedAudio, EngineFailed
from izwi.files.hearing import Ears, Wish
from izwi.files.listening import Listening, Mark, Step
from izwi.files.seams import join
from izwi.files.segments import Segment
from izwi.files.transcribe import AT_ONCE
from izwi.files.windows import LARGEST_GAP, LONGEST, OVERLAP, TARGET, Window, Windows
from izwi.segmenter import FRAME
from izwi.stage_settings import VadSettings
from izwi.stages import AsrRequest, AsrResult, Samples, Timing, VadRequest, VadResult, VadState, Word

TIMING = Timing("scripted")


def recording(*spans: tuple[float, float], seconds: float) -> Samples:
    """Silence with speech in it. Each sample holds its own time, so that a window says where it is from."""
    times = np.arange(round(seconds * SAMPLE_RATE), dtype=np.float64) / SAMPLE_RATE
    speech = np.zeros(len(times), bool)
    for start, end in spans:
        speech |= (times >= start) & (times < end)
    return np.where(speech, times + 1, -times - 1).astype(np.float32)


def speech(samples: Samples) -> tuple[float, ...]:
    return tuple(float((frame > 0).mean()) for frame in samples.reshape(-1, FRAME))


def cut(audio: Samples, hop: int = 8 * FRAME) -> list[Window]:
    windows = Windows(VadSettings())
    audio = np.pad(audio, (0, -len(audio) % hop))
    found = [
        window
        for at in range(0, len(audio), hop)
        for window in windows.push(audio[at : at + hop], speech(audio[at : at + hop]))
    ]
    return found + windows.flush()


def span(window: Window) -> tuple[float, float]:
    return window.start / SAMPLE_RATE, (window.start + len(window.samples)) / SAMPLE_RATE


def test_utterances_share_a_window_up_to_its_target_and_a_long_pause_ends_it() -> None:
    audio = recording((1, 3), (3.9, 6), (6.9, 13), (20, 22), seconds=24)
    spans = [span(window) for window in cut(audio)]
    for (start, end), (first, last) in zip(spans, [(1, 6), (6.9, 13), (20, 22)], strict=True):
        assert first - 0.5 <= start <= first
        assert last - FRAME / SAMPLE_RATE <= end <= last + 0.1
    for window in cut(audio):
        assert abs(window.samples[0]) == pytest.approx(window.start / SAMPLE_RATE + 1, abs=1e-4)


def test_who_never_pauses_is_cut_at_the_quietest_moment_with_audio_on_both_sides() -> None:
    audio = recording((0, 20), (20.2, 60), seconds=60)  # a pause too short to end an utterance
    windows = cut(audio)
    assert len(windows) >= 3
    assert windows[0].cut is not None
    assert abs(windows[0].cut / SAMPLE_RATE - 20.1) < 0.2
    for window, following in pairwise(windows):
        assert window.cut is not None
        assert window.start + len(window.samples) == window.cut + OVERLAP
        assert following.start == window.cut - OVERLAP
    assert max(len(window.samples) for window in windows) <= LONGEST
    assert windows[-1].cut is None


def test_how_the_audio_is_chunked_makes_no_difference() -> None:
    audio = recording((0.5, 3), (3.9, 9), (9.8, 44), (50, 51), seconds=53)
    assert [span(w) for w in cut(audio, FRAME)] == [span(w) for w in cut(audio, 128 * FRAME)]


def test_silence_has_no_windows() -> None:
    assert cut(recording(seconds=30)) == []


def words(*rows: tuple[str, float]) -> list[Word]:
    return [Word(f" {text}", start, start + 0.3, 0.9) for text, start in rows]


def texts(found: Sequence[Word]) -> list[str]:
    return [word.text.strip() for word in found]


def test_what_both_windows_heard_is_kept_once() -> None:
    left = words(("we", 8.0), ("saw", 8.6), ("the", 9.3), ("old", 9.7), ("house", 10.2), ("bur", 10.8))
    right = words(("aw", 9.0), ("the", 9.4), ("old", 9.8), ("House,", 10.3), ("burning", 10.8), ("down", 11.5))
    kept = join(left, right, 10.0, 1.0)
    assert texts(kept[0] + kept[1]) == ["we", "saw", "the", "old", "House,", "burning", "down"]


def test_windows_that_agree_on_nothing_are_joined_at_the_cut() -> None:
    kept = join(words(("a", 8.0), ("b", 9.5), ("c", 10.5)), words(("d", 9.2), ("e", 10.1), ("f", 11.0)), 10.0, 1.0)
    assert texts(kept[0] + kept[1]) == ["a", "b", "e", "f"]


def test_a_word_said_again_much_later_is_no_seam() -> None:
    kept = join(words(("very", 9.1), ("x", 9.6)), words(("y", 9.6), ("very", 10.4)), 10.0, 1.0)
    assert texts(kept[0] + kept[1]) == ["very", "x", "very"]


def test_empty_sides() -> None:
    assert join([], [], 10.0, 1.0) == ([], [])
    assert texts(join([], words(("e", 10.1)), 10.0, 1.0)[1]) == ["e"]


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


def test_constants_fit_together() -> None:
    assert LARGEST_GAP < TARGET < LONGEST


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
