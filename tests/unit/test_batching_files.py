"""Files beside speakers, places that come and go, and what calls are counted for."""

import asyncio
from collections.abc import Sequence

import pytest

from izwi.batching import FILE_PATIENCE_S, LIVE_S, Batcher
from izwi.spacing import BUSY
from tests.clock import in_simulated_time
from tests.unit.batched import Engine


async def files(engine: Engine, *names: str) -> list[asyncio.Task[str]]:
    asked = [asyncio.create_task(engine.turns.ask_for_file(name)) for name in names]
    await asyncio.sleep(0)
    return asked


async def test_a_file_takes_the_whole_machine_while_nobody_speaks() -> None:
    engine = Engine(places=2, size=2)
    asked = await files(engine, "a", "b", "c", "d", "e")
    await asyncio.sleep(0)
    assert engine.inside == 2
    engine.gate.set()
    assert await asyncio.gather(*asked) == ["A", "B", "C", "D", "E"]
    assert [len(batch) for batch in engine.batches] == [1, 1, 2, 1]  # the first two found free places


@in_simulated_time
async def test_beside_speakers_a_file_leaves_a_place_free_and_goes_window_by_window() -> None:
    engine = Engine(places=2, size=4)
    engine.gate.set()
    await engine.turns.ask(lambda: "live", True)
    engine.gate.clear()
    asked = await files(engine, "a", "b", "c")
    await asyncio.sleep(0.01)
    assert engine.batches == [["live"], ["a"]]
    speaking = asyncio.create_task(engine.turns.ask(lambda: "again", False))
    await asyncio.sleep(0.01)
    assert engine.batches[2:] == [["again"]]
    engine.gate.set()
    await asyncio.gather(speaking, *asked)
    assert engine.batches[3:] == [["b"], ["c"]]


@in_simulated_time
async def test_a_file_that_waited_goes_on_when_speakers_fall_silent() -> None:
    engine = Engine(places=2, size=4)
    asked = [asyncio.create_task(engine.turns.ask(lambda: "live", True)), *await files(engine, "a", "b")]
    await asyncio.sleep(LIVE_S - 0.01)
    assert engine.batches == [["live"]]  # the other place is kept free
    await asyncio.sleep(0.02)
    assert engine.batches == [["live"], ["a", "b"]]
    engine.gate.set()
    await asyncio.gather(*asked)


@in_simulated_time
async def test_a_file_does_not_starve_under_constant_speech() -> None:
    async def call(requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        await asyncio.sleep(0.01)
        return list(requests)

    turns: Batcher[str, str] = Batcher(call, 2, 1)

    served = asyncio.Event()

    async def speak() -> None:
        while not served.is_set():
            await turns.ask(lambda: "live", True)

    speaking = [asyncio.create_task(speak()) for _ in range(4)]
    await asyncio.sleep(0)
    async with asyncio.timeout(2 * FILE_PATIENCE_S):
        await turns.ask_for_file("a")
    assert asyncio.get_running_loop().time() == pytest.approx(FILE_PATIENCE_S, abs=0.05)
    served.set()
    await asyncio.gather(*speaking)


@in_simulated_time
async def test_new_places_are_taken_at_once_and_lost_ones_when_their_calls_end() -> None:
    engine = Engine(places=1)
    asked = [asyncio.create_task(engine.turns.ask(lambda name=name: name, False)) for name in "abcdef"]
    await asyncio.sleep(0.01)
    assert engine.inside == 1
    engine.turns.resize(3)
    await asyncio.sleep(0.01)
    assert engine.inside == 3
    engine.turns.resize(1)
    await asyncio.sleep(0.01)
    assert engine.inside == 3  # nothing under way is disturbed
    engine.most = 0
    engine.gate.set()
    assert await asyncio.gather(*asked) == list("ABCDEF")
    assert (engine.most, engine.batches[3:]) == (1, [["d"], ["e"], ["f"]])


async def test_a_batcher_among_others_paces_its_speakers_by_its_share() -> None:
    turns = Engine(places=4).turns
    assert turns.spacing.workers == 4
    turns.resize(6, sharers=4)
    assert turns.spacing.workers == 1.5


@in_simulated_time
async def test_only_live_calls_count_as_live_and_those_under_way_do() -> None:
    engine = Engine(places=3)
    assert engine.turns.live_calls_s == 0.0
    (file,) = await files(engine, "a")
    await asyncio.sleep(0.02)
    assert engine.turns.live_calls_s == 0.0
    live = [asyncio.create_task(engine.turns.ask(lambda: "live", True)) for _ in range(2)]
    await asyncio.sleep(0.05)
    assert engine.turns.live_calls_s == pytest.approx(2 * 0.05)
    engine.gate.set()
    await asyncio.gather(file, *live)
    await asyncio.sleep(0.02)
    assert engine.turns.live_calls_s == pytest.approx(2 * 0.05)


@in_simulated_time
async def test_each_live_request_of_a_call_counts_with_its_share_and_a_file_not_at_all() -> None:
    async def call(requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        await asyncio.sleep(0.2)
        return list(requests)

    turns: Batcher[str, str] = Batcher(call, 1, 4)
    await turns.ask_for_file("file")
    with turns.spacing.speaking():
        assert turns.spacing.update_s(0.01) == 0.01
    await asyncio.gather(*(turns.ask(lambda name=name: name, False, linger_s=0.05) for name in "abcd"))
    with turns.spacing.speaking():
        assert turns.spacing.update_s(0.05) == pytest.approx(0.2 / 4 / BUSY)
