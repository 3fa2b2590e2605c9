"""A language model's second look at a recording: how many segments at once, and when it is given up."""

import asyncio
from dataclasses import replace

import pytest

from izwi.files.second_look import AT_ONCE, PATIENCE, SecondLook, summary
from izwi.files.segments import Segment
from izwi.jobs import looks
from izwi.jobs.options import JobOptions, NewJob
from izwi.stages import Corrected, LlmRequest, Timing, Word

TIMING = Timing("small", queue_s=1.0, compute_s=0.5)


def requests(count: int) -> list[LlmRequest]:
    return [LlmRequest(f"text {number}", "corrector") for number in range(count)]


def segment(number: int, text: str) -> Segment:
    return Segment(number, (Word(f" {text}", number, number + 0.5, 0.9),), text)


async def test_a_few_are_asked_for_at_once_and_come_back_in_order() -> None:
    running = most = 0
    noted: list[tuple[str, Timing]] = []

    async def ask(request: LlmRequest) -> Corrected:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(len(noted) % 3):  # some take longer than others
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        running -= 1
        return Corrected(request.text.upper(), "applied", TIMING)

    look = SecondLook(ask, lambda stage, timing: noted.append((stage, timing)))
    assert [one.text for one in await look.at(requests(40))] == [f"TEXT {number}" for number in range(40)]
    assert most == AT_ONCE
    assert noted == [("llm", TIMING)] * 40


async def test_a_model_that_does_not_answer_is_given_up() -> None:
    asked: list[str] = []

    async def ask(request: LlmRequest) -> Corrected:
        asked.append(request.text)
        await asyncio.sleep(0)
        return Corrected(request.text, "timeout", TIMING)

    look = SecondLook(ask, lambda stage, timing: None)
    found = await look.at(requests(100))
    assert [(one.text, one.llm) for one in found] == [(f"text {number}", "timeout") for number in range(100)]
    assert len(asked) < PATIENCE + AT_ONCE
    assert (await look.at(requests(1)))[0].llm == "timeout"
    assert len(asked) < PATIENCE + AT_ONCE


async def test_one_answer_in_between_is_hope() -> None:
    asked: list[str] = []

    async def ask(request: LlmRequest) -> Corrected:
        asked.append(request.text)
        await asyncio.sleep(0)
        return Corrected(request.text, "applied" if len(asked) % (PATIENCE - AT_ONCE) == 0 else "timeout", TIMING)

    await SecondLook(ask, lambda stage, timing: None).at(requests(100))
    assert len(asked) == 100


async def test_what_was_not_asked_took_no_time() -> None:
    async def off(request: LlmRequest) -> Corrected:
        return Corrected(request.text, "off")

    noted: list[str] = []
    await SecondLook(off, lambda stage, timing: noted.append(stage)).at(requests(3))
    assert noted == []


def test_a_recording_is_marked_by_what_went_wrong_first() -> None:
    one, two = segment(0, "Hello."), segment(1, "I see.")
    good, late = Corrected("Hello!", "applied"), Corrected("I see.", "timeout")
    assert summary([replace(one, llm=good), replace(two, llm=late)], "corrector") == {
        "llm": {"role": "corrector", "status": "timeout", "text": "Hello! I see."}
    }
    assert summary([replace(one, llm=good), two], "corrector")["llm"]["status"] == "off"
    assert summary([], "corrector") == {"llm": {"role": "corrector", "status": "off", "text": ""}}


def test_looks_are_stored_and_attached_as_far_as_they_go() -> None:
    looked = [Corrected("ñandú", "applied"), Corrected("b", "failed")]
    assert looks.load(looks.dump(looked)) == looked
    assert looks.load("") == []
    segments = [segment(number, "x") for number in range(3)]
    assert [one.llm for one in looks.attached(segments, looked)] == [*looked, None]


def test_jobs_have_the_options_of_requests() -> None:
    asked = {"hotwords": ["Sundar Pichai"], "hotword_lists": ["book"], "apply_hotword": False}
    job = NewJob.model_validate(asked)
    assert (job.hotwords, job.hotword_lists) == ([], [])
    assert job.options.wish.hotwords == ()
    wanted = JobOptions(apply_llm=True, llm_role="translator", target_language="Spanish")
    assert wanted.request("Good day.", "en", ("Ann",)) == LlmRequest("Good day.", "translator", "en", "es", ("Ann",))
    with pytest.raises(ValueError, match="target_language"):
        JobOptions(apply_llm=True, llm_role="translator")
