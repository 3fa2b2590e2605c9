"""Sessions on a recogniser that is slow for a while: what is given up, in which order, and that the client is told.

A pass takes as long as it takes for a number of chunks (0.1 s of audio each) to come in, so that nothing depends on
the machine.
"""

import asyncio
from collections.abc import Callable

import numpy as np

from izwi import messages as m
from izwi.speaking import OVERLOADED
from izwi.stages import AsrRequest, AsrResult
from tests.unit.scripted import Run, Script, run, silence, speech

SENTENCE = ["one", "two", "three", "four", "five", "six", "seven."]
"""2.8 s."""


async def slowly(
    sentences: int, slowness: Callable[[float], int], pause_s: float = 0.0, script: Script | None = None
) -> Run:
    """Somebody speaks, with a pause after each sentence; ``slowness`` says how many chunks a pass takes that begins at
    that second."""
    script, received, heard = script or Script(seconds_per_word=0.3), 0, asyncio.Condition()
    audio = np.concatenate([*[speech(*SENTENCE), silence(pause_s)] * sentences, silence(1)])
    plain = script._asr

    async def pace() -> None:
        nonlocal received
        received += 1
        async with heard:
            heard.notify_all()
        for _ in range(20):
            await asyncio.sleep(0)

    async def slow(take: Callable[[], AsrRequest], urgent: bool) -> AsrResult:
        done = received + slowness(received / 10)
        result = await plain(take, urgent)  # the window is what was held when the pass began
        async with heard:
            await heard.wait_for(lambda: received >= min(done, len(audio) // 1600))
        return result

    script._asr = slow  # type: ignore[method-assign]
    return await run(audio, script, pace=pace)


def levels(heard: Run) -> list[str]:
    return [event.data.level for event in heard.of(m.SessionLoadMessage)]


def said_and_skipped(heard: Run) -> tuple[set[int], dict[int, str]]:
    said = {event.data.clause for event in heard.of(m.SpeechAudioMessage)}
    return said, {event.data.clause: event.data.reason for event in heard.of(m.SpeechSkippedMessage)}


async def test_a_fast_recogniser_is_not_worth_a_word() -> None:
    heard = await slowly(8, lambda _: 0)
    assert levels(heard) == []
    assert said_and_skipped(heard) == (set(range(8)), {})


async def test_a_slow_recogniser_costs_partials_first_and_the_voice_stays() -> None:
    heard = await slowly(12, lambda _: 10)
    assert levels(heard) == ["stretched"]
    assert heard.of(m.SessionLoadMessage)[0].data.update_ms > 600  # twice what is wanted; the mean still rises
    assert said_and_skipped(heard) == (set(range(12)), {})
    assert heard.finals == [" ".join(SENTENCE * 12)]


async def test_a_slow_recogniser_makes_no_careful_passes_in_pauses_and_does_not_search() -> None:
    def careful(script: Script) -> list[bool]:
        return [request.beam for request in script.asked if isinstance(request, AsrRequest) and request.final]

    fast, slow = Script(seconds_per_word=0.3), Script(seconds_per_word=0.3)
    await slowly(12, lambda _: 0, pause_s=0.3, script=fast)
    heard = await slowly(12, lambda _: 25, pause_s=0.3, script=slow)
    assert len(careful(fast)) >= 12
    assert all(careful(fast))
    assert 1 <= len(careful(slow)) <= 3
    assert careful(slow)[-1] is False
    assert heard.finals == [" ".join(SENTENCE * 12)]


async def test_a_very_slow_recogniser_costs_the_voice_and_never_the_captions() -> None:
    heard = await slowly(24, lambda at_s: 8 if at_s < 15 else 45)
    told = levels(heard)
    assert list(dict.fromkeys(told)) == ["stretched", "captions_only"]
    said, skipped = said_and_skipped(heard)
    assert said
    assert set(skipped.values()) == {OVERLOADED}
    assert said | set(skipped) == set(range(24))
    assert heard.finals == [" ".join(SENTENCE * 24)]
    assert len(heard.translations) == 24


async def test_nothing_is_skipped_before_the_client_knows_that_there_are_captions_only() -> None:
    heard = await slowly(24, lambda at_s: 8 if at_s < 15 else 45)
    kinds = [
        "skipped" if isinstance(event, m.SpeechSkippedMessage) else event.data.level
        for event, _ in heard.events
        if isinstance(event, m.SpeechSkippedMessage | m.SessionLoadMessage)
    ]
    assert kinds.index("captions_only") < kinds.index("skipped")


async def test_a_recogniser_that_is_fast_again_gives_back_the_voice_and_then_the_partials() -> None:
    heard = await slowly(40, lambda at_s: 45 if 10 < at_s < 50 else 0)
    told = levels(heard)
    assert told[-1] == "normal"
    assert told.index("captions_only") < len(told) - 1 - told[::-1].index("stretched") < told.index("normal")
    said, skipped = said_and_skipped(heard)
    assert skipped
    assert max(skipped) < max(said) == 39
    assert heard.finals == [" ".join(SENTENCE * 40)]
