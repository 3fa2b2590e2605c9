"""Recognition of one utterance on a recogniser that fails before a turn, or is left while it works."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
import pytest

from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.batching import Batcher
from izwi.checkpoint import Checkpoint
from izwi.errors import IzwiError, Overloaded
from izwi.load import Load
from izwi.recognition import Recognition
from izwi.session_settings import SessionSettings
from izwi.spacing import spaced_s
from izwi.stages import AsrRequest, AsrResult, Samples, Stages, Timing
from izwi.utterance import Due, Utterance, Window
from tests.unit.scripted import WORD, Script, hear, silence, speech

PAUSE = silence(0.5)


def answer(request: AsrRequest) -> AsrResult:
    return AsrResult(tuple(hear(request.samples)), "en", 0.95, Timing("scripted"))


class Talk:
    """One utterance, its recogniser and what was said about it."""

    def __init__(self, asr: object, **limits: object) -> None:
        scripted = Script().stages()
        stages = Stages(scripted.vad, asr, scripted.mt, scripted.tts)  # type: ignore[arg-type]
        self.events: list[m.ServerMessage] = []
        self.utterance = Utterance(0, 0, 0, 40 * SAMPLE_RATE)
        settings = SessionSettings(**limits)  # type: ignore[arg-type]
        self.passes: list[tuple[Window, Due]] = []
        self.recognition = Recognition(
            "en",
            settings,
            stages,
            Load(0.3, 3.0),
            self._emit,
            self._note,
            Checkpoint(),
            note_pass=lambda *told: self.passes.append(told),
        )

    async def _emit(self, message: m.ServerMessage, payload: bytes | None) -> None:
        self.events.append(message)

    async def _note(self, stage: str, timing: Timing) -> None:
        pass

    async def hear(self) -> None:
        async for _ in self.recognition.transcribe(self.utterance):
            pass

    async def say(self, samples: Samples, spoken: bool = True) -> None:
        await self.utterance.append(samples, spoken)
        for _ in range(20):
            await asyncio.sleep(0)

    async def close(self, samples: int) -> None:
        await self.say(PAUSE, spoken=False)
        await self.utterance.close(samples)

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def final(self) -> str:
        return self.of(m.TranscriptFinalMessage)[0].data.text


class Refusing:
    """Refuses the first requests without looking at their audio, as a full queue does."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.windows: list[float] = []

    async def __call__(self, take: Callable[[], AsrRequest], urgent: bool) -> AsrResult:
        if self.refusals:
            self.refusals -= 1
            raise Overloaded("no room")
        request = take()
        self.windows.append(len(request.samples) / SAMPLE_RATE)
        return answer(request)


@pytest.mark.parametrize("refusals", [1, 3])
async def test_a_refusal_before_a_turn_is_told_if_there_is_another_and_the_audio_is_heard_later(
    refusals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("izwi.recognition.BACK_OFF_S", 0.001)
    asr = Refusing(refusals)
    talk = Talk(asr)
    words = speech("one", "two", "three", "four.")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(talk.hear())
        for number, piece in enumerate(np.split(words, 4), 1):  # each is worth a pass
            await talk.say(piece)
            while refusals - asr.refusals < min(number, refusals):
                await asyncio.sleep(0.001)
        await talk.close(len(words))
    errors = talk.of(m.ErrorMessage)
    assert [(error.data.code, error.data.utterance, error.data.fatal) for error in errors] == [
        ("overloaded", 0, False)
    ] * (refusals - 1)
    assert talk.final == "one two three four."
    assert asr.windows


async def test_a_recogniser_that_refuses_every_turn_ends_the_utterance_without_words_instead_of_for_ever() -> None:
    talk = Talk(Refusing(10**6))
    words = speech("one", "two.")
    await talk.say(words)
    await talk.close(len(words))
    async with asyncio.timeout(10):
        await talk.hear()
    assert talk.final == ""
    assert {error.data.code for error in talk.of(m.ErrorMessage)} == {"overloaded"}


async def test_refused_after_words_were_settled_the_utterance_keeps_them_and_what_was_tentative() -> None:
    asr = Refusing(0)
    talk = Talk(asr)
    words = speech("one", "two", "three", "four", "five", "six.")
    hearing = asyncio.create_task(talk.hear())
    for piece in np.split(words[:16_000], 4):
        await talk.say(piece)
    assert asr.windows
    asr.refusals = 10**6
    await talk.say(words[16_000:])
    await talk.close(len(words))
    async with asyncio.timeout(10):
        await hearing
    assert talk.final.startswith("one two")
    assert talk.final == "".join(event.data.text for event in talk.of(m.TranscriptCommittedMessage))


class Worker:
    """A recogniser with one place, each of whose calls ends when it is let go."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.permits = asyncio.Semaphore(0)
        self.turns: Batcher[AsrRequest, AsrResult] = Batcher(self._call, places=1, size=4)

    async def _call(self, requests: Sequence[AsrRequest], urgent: bool) -> list[AsrResult | IzwiError]:
        self.batches.append(len(requests))
        await self.permits.acquire()
        return [answer(request) for request in requests]

    async def let_go(self, calls: int) -> None:
        for _ in range(calls):
            self.permits.release()
        for _ in range(20):
            await asyncio.sleep(0)

    async def talking(self) -> tuple[Talk, "asyncio.Task[None]"]:
        """Somebody who has said enough for a pass."""
        talk = Talk(self.turns.ask)
        hearing = asyncio.create_task(talk.hear())
        await talk.say(speech("one", "two", "three"))
        return talk, hearing


async def gone(hearing: "asyncio.Task[None]") -> None:
    hearing.cancel()
    with suppress(asyncio.CancelledError):
        await hearing


async def finishes(talk: Talk, hearing: "asyncio.Task[None]") -> str:
    await talk.close(3 * 6400)
    async with asyncio.timeout(10):
        await hearing
    return talk.final


async def test_a_session_that_is_cancelled_in_mid_pass_leaves_the_recogniser_free_for_others() -> None:
    worker = Worker()
    _, leaving = await worker.talking()
    assert worker.batches == [1]
    await gone(leaving)
    staying = await worker.talking()
    assert worker.batches == [1], "the place is taken until the pass that nobody waits for has ended"
    await worker.let_go(100)
    assert await finishes(*staying) == "one two three"
    assert (worker.turns.waiting, worker.turns.wait_s) == (0, 0.0)


async def test_a_session_that_is_cancelled_before_its_turn_is_not_recognised_at_all() -> None:
    worker = Worker()
    first = await worker.talking()
    _, leaving = await worker.talking()
    third = await worker.talking()
    assert worker.turns.waiting == 2
    await gone(leaving)
    assert worker.turns.waiting == 1
    await worker.let_go(100)
    assert [await finishes(*one) for one in (first, third)] == ["one two three"] * 2
    assert max(worker.batches) == 1
    assert worker.turns.waiting == 0


async def test_a_session_that_leaves_a_shared_pass_takes_no_answer_from_its_companions() -> None:
    worker = Worker()
    first = await worker.talking()
    companions = [await worker.talking() for _ in range(3)]
    await worker.let_go(1)
    assert worker.batches == [1, 3]
    await gone(companions[1][1])
    await worker.let_go(100)
    for one in (first, companions[0], companions[2]):
        assert await finishes(*one) == "one two three"
    assert worker.turns.waiting == 0


async def test_each_pass_that_succeeds_is_noted_once_and_together_they_cover_the_utterance() -> None:
    script = Script()
    talk = Talk(script._asr)
    hearing = asyncio.create_task(talk.hear())
    for word in ("one", "two", "three"):
        await talk.say(speech(word))
    await talk.close(3 * WORD)
    await hearing
    assert len(talk.passes) == len(script.asked)
    assert sum(window.fresh for window, _ in talk.passes) >= 3 * WORD
    assert talk.passes[-1][1].careful, "the speaker has stopped"


async def test_a_pass_is_noted_with_when_it_was_due() -> None:
    talk = Talk(Script()._asr)
    spacing = talk.recognition._spacing
    spacing.took(0.3)
    hearing = asyncio.create_task(talk.hear())
    with spacing.speaking(), spacing.speaking():
        await talk.say(speech("one", "two", "three", "four"))
        await talk.close(4 * WORD)
        await hearing
    usual_s, due_s = 0.3, talk.passes[0][1].at / SAMPLE_RATE
    assert due_s == spaced_s(usual_s, 2, 0.3, 1) == 4 * usual_s
    window, due = talk.passes[-1]
    assert due.careful
    assert window.speech_end < due.at <= window.end, "silence made it so"


async def test_a_pass_that_failed_is_not_noted() -> None:
    talk = Talk(Refusing(1))
    hearing = asyncio.create_task(talk.hear())
    await talk.say(speech("one", "two"))
    await talk.close(2 * WORD)
    await hearing
    assert not talk.of(m.ErrorMessage), "the next one makes it good"
    assert talk.passes[0][1].at == round(0.3 * SAMPLE_RATE), "its audio has waited since the one that failed was due"
    assert talk.final.split() == ["one", "two"]
