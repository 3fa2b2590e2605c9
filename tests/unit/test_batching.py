import asyncio
import contextvars
from collections.abc import Callable, Sequence

import pytest

from izwi import batching
from izwi.batching import Batcher
from izwi.errors import Unavailable
from tests.clock import in_simulated_time
from tests.unit.batched import Engine


async def test_first_come_first_served() -> None:
    engine = Engine()
    await engine.line_up([("a", False), ("b", False), ("c", False)])
    assert engine.batches == [["a"], ["b"], ["c"]]


def test_company_is_waited_for_on_the_loop_that_servers_have() -> None:
    """uvloop gives a handle without a time for what is due within a millisecond."""
    uvloop = pytest.importorskip("uvloop")

    async def ask() -> list[str]:
        engine = Engine(size=3)
        engine.gate.set()
        return await asyncio.gather(*(engine.turns.ask(lambda: "a", True, linger_s=s) for s in (0.0001, 0.0001, 0.05)))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == ["A", "A", "A"]


@in_simulated_time
async def test_careful_passes_go_first() -> None:
    engine = Engine()
    await engine.line_up([("x", False), ("a", False), ("b", True), ("c", False), ("d", True)])
    assert engine.batches == [["x"], ["b"], ["d"], ["a"], ["c"]]


async def test_a_partial_pass_that_waited_long_goes_before_a_careful_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "PATIENCE_S", 0.0)
    engine = Engine()
    await engine.line_up([("x", False), ("a", False), ("b", True)])
    assert engine.batches == [["x"], ["a"], ["b"]]


@in_simulated_time
async def test_a_free_place_takes_all_of_a_kind_that_wait_up_to_a_batch() -> None:
    engine = Engine(size=3)
    answers = await engine.line_up([("x", False), *((name, False) for name in "abcd"), ("e", True), ("f", True)])
    assert engine.batches == [["x"], ["e", "f"], ["a", "b", "c"], ["d"]]
    assert answers == list("XABCDEF")


async def test_a_request_is_made_when_its_turn_comes() -> None:
    engine, newest = Engine(), ["old"]
    first = asyncio.create_task(engine.turns.ask(lambda: "x", False))
    await asyncio.sleep(0)
    second = asyncio.create_task(engine.turns.ask(lambda: newest[0], False))
    await asyncio.sleep(0)
    newest[0] = "new"
    engine.gate.set()
    assert await asyncio.gather(first, second) == ["X", "NEW"]


async def test_no_more_calls_at_once_than_there_are_places() -> None:
    engine = Engine(places=3)
    await engine.line_up([(str(number), False) for number in range(20)])
    assert engine.most == 3


async def test_an_error_reaches_only_its_own_asker() -> None:
    engine = Engine(size=4)
    answers = await engine.line_up([("x", False), ("a", False), ("bad", False), ("b", False)])
    assert answers[1] == "A"
    assert isinstance(answers[2], ValueError)
    assert answers[3] == "B"


@pytest.mark.parametrize("failing", ["call", "take"])
@in_simulated_time
async def test_a_failing_call_reaches_all_its_askers_and_the_place_is_free_again(failing: str) -> None:
    calls = 0

    async def call(requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        nonlocal calls
        calls += 1
        if calls == 1 and failing == "call":
            raise RuntimeError("down")
        return list(requests)

    def broken() -> str:
        raise RuntimeError("down")

    turns: Batcher[str, str] = Batcher(call, 1, 4)
    take: Callable[[], str] = broken if failing == "take" else lambda: "a"
    with pytest.raises(RuntimeError, match="down"):
        await turns.ask(take, False)
    assert await turns.ask(lambda: "b", False) == "b"


@in_simulated_time
async def test_a_cancelled_call_leaves_nobody_waiting_and_the_place_is_free_again() -> None:
    calls = 0

    async def call(requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise asyncio.CancelledError
        return list(requests)

    turns: Batcher[str, str] = Batcher(call, 1, 4)
    with pytest.raises(Unavailable):
        await turns.ask(lambda: "a", False)
    assert await turns.ask(lambda: "b", False) == "b"


async def test_a_call_does_not_belong_to_the_session_that_starts_it() -> None:
    """Serve cancels what was begun in the context of a request when the request ends."""
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")
    seen: list[str] = []

    async def call(requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        seen.append(request.get())
        return list(requests)

    turns: Batcher[str, str] = Batcher(call, 1, 4)
    request.set("first")
    await turns.ask(lambda: "a", False)
    assert seen == ["none"]


@in_simulated_time
async def test_a_request_waits_a_moment_for_company() -> None:
    batches: list[int] = []

    async def call(requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        batches.append(len(requests))
        return list(requests)

    turns: Batcher[str, str] = Batcher(call, 1, 4)
    assert await turns.ask(lambda: "alone", True, linger_s=0.02) == "alone"
    await asyncio.gather(*(turns.ask(lambda: "together", True, linger_s=0.02) for _ in range(6)))
    assert batches == [1, 4, 2]


@in_simulated_time
async def test_the_least_patient_request_decides_when_a_call_leaves() -> None:
    batches: list[list[str]] = []

    async def call(requests: Sequence[str], urgent: bool) -> list[str | Exception]:
        batches.append(list(requests))
        return list(requests)

    turns: Batcher[str, str] = Batcher(call, 1, 4)
    patient = asyncio.create_task(turns.ask(lambda: "patient", True, linger_s=60))
    await asyncio.sleep(0)
    assert turns.gathering
    await turns.ask(lambda: "hurried", True, linger_s=0.01)
    await patient
    assert batches == [["patient", "hurried"]]
    assert not turns.gathering


@pytest.mark.parametrize("ticks", range(5))
@in_simulated_time
async def test_a_place_is_never_lost_when_an_asker_goes(ticks: int) -> None:
    engine = Engine()
    first = asyncio.create_task(engine.turns.ask(lambda: "x", False))
    await asyncio.sleep(0)
    gone = asyncio.create_task(engine.turns.ask(lambda: "gone", False))
    await asyncio.sleep(0)
    if ticks:
        engine.gate.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    gone.cancel()
    engine.gate.set()
    await asyncio.gather(first, gone, return_exceptions=True)
    assert await engine.turns.ask(lambda: "a", False) == "A"
    assert engine.turns.waiting == 0
    assert engine.turns.wait_s == 0


@in_simulated_time
async def test_no_speaker_starves_among_many_even_when_careful_passes_fill_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PATIENCE_S", 0.02)
    served = dict.fromkeys(range(12), 0)

    async def call(requests: Sequence[int], urgent: bool) -> list[int | Exception]:
        await asyncio.sleep(0.002)
        return list(requests)

    turns: Batcher[int, int] = Batcher(call, 2, 2)

    async def speaker(name: int) -> None:
        """The first eight ask for nothing but careful passes."""
        while min(served.values()) < 20:
            served[await turns.ask(lambda: name, name < 8)] += 1

    async with asyncio.timeout(10):
        await asyncio.gather(*(speaker(name) for name in served))
    assert max(served.values()) <= 10 * min(served.values()), "without deadlines the last four would get nothing"
