import asyncio
import threading
import time
from dataclasses import dataclass, field

import pytest

from deployments.ingress.metrics import Metrics
from deployments.stage import MAX_STUCK, StageRunner, revised
from deployments.tracing.spans import context_of
from deployments.worker_pool import LOOKS
from izwi.errors import ClientError, EngineFailed, StageTimeout, UnsupportedPair
from izwi.fallback import MAX_FAILURES
from izwi.settings import Settings
from tests.clock import Clock
from tests.unit.traced import Kept, attributes


@dataclass
class Scripted:
    """Answers with its name, or raises what it is told to."""

    name: str
    raises: Exception | None = None
    calls: list[str] = field(default_factory=list)

    def work(self, request: str) -> str:
        self.calls.append(request)
        if self.raises:
            raise self.raises
        return f"{self.name}:{request}"


def broken(name: str) -> Scripted:
    return Scripted(name, RuntimeError("broken"))


async def test_the_first_engine_serves() -> None:
    first, second = Scripted("first"), Scripted("second")
    result, timing = await StageRunner("mt", [first, second]).run(lambda e: e.work("a"))
    assert (result, timing.engine, second.calls) == ("first:a", "first", [])


async def test_the_next_engine_gets_the_same_call() -> None:
    first, second = broken("first"), Scripted("second")
    result, timing = await StageRunner("mt", [first, second]).run(lambda e: e.work("a"))
    assert (result, timing.engine, first.calls) == ("second:a", "second", ["a"])


async def test_an_engine_that_keeps_failing_is_set_aside() -> None:
    first, second = broken("first"), Scripted("second")
    runner = StageRunner("mt", [first, second])
    for _ in range(MAX_FAILURES + 2):
        await runner.run(lambda e: e.work("a"))
    assert len(first.calls) == MAX_FAILURES


async def test_every_call_served_by_another_engine_is_counted_also_while_the_first_is_set_aside() -> None:
    metrics, runner = Metrics(), StageRunner("mt", [broken("first"), Scripted("second")])
    for calls in range(1, MAX_FAILURES + 3):
        _, timing = await runner.run(lambda e: e.work("a"))
        assert (timing.engine, timing.preferred) == ("second", "first")
        assert timing.failed == (("first",) if calls <= MAX_FAILURES else ())
        metrics.observe("mt", timing)
    count = float(MAX_FAILURES + 2)
    line = f'izwi_engine_fallbacks_total{{engine="second",preferred="first",stage="mt"}} {count}'
    assert line in metrics.exposition().decode().splitlines()


async def test_the_only_engine_that_supports_a_request_is_no_fallback() -> None:
    metrics, runner = Metrics(), StageRunner("mt", [Scripted("first"), Scripted("second")])
    _, timing = await runner.run(lambda e: e.work("a"), lambda e: e.name == "second")
    assert (timing.engine, timing.preferred) == ("second", "second")
    metrics.observe("mt", timing)
    assert "izwi_engine_fallbacks_total{" not in metrics.exposition().decode()


async def test_an_engine_set_aside_is_the_last_resort() -> None:
    first, second = broken("first"), Scripted("second")
    runner = StageRunner("mt", [first, second])
    for _ in range(MAX_FAILURES):
        await runner.run(lambda e: e.work("a"))
    first.raises, second.raises = None, RuntimeError("broken")
    result, _ = await runner.run(lambda e: e.work("b"))
    assert result == "first:b"


async def test_a_fault_of_the_request_passes_through() -> None:
    first, second = Scripted("first", UnsupportedPair("no")), Scripted("second")
    runner = StageRunner("mt", [first, second])
    for _ in range(MAX_FAILURES + 1):  # and never counts against the engine
        with pytest.raises(ClientError):
            await runner.run(lambda e: e.work("a"))
    assert second.calls == []
    assert len(first.calls) == MAX_FAILURES + 1


@pytest.mark.parametrize("engines", [[], [broken("first")], [broken("first"), broken("second")]])
async def test_no_engine_left(engines: list[Scripted]) -> None:
    with pytest.raises(EngineFailed, match="mt") as failure:
        await StageRunner("mt", engines).run(lambda e: e.work("a"))
    assert "broken" not in str(failure.value)


async def test_only_engines_that_support_the_request() -> None:
    first, second = Scripted("first"), Scripted("second")
    result, _ = await StageRunner("mt", [first, second]).run(lambda e: e.work("a"), lambda e: e.name == "second")
    assert (result, first.calls) == ("second:a", [])


async def test_calls_leave_the_event_loop_and_are_timed() -> None:
    clock, asked = Clock(), threading.Event()

    def slow(engine: Scripted) -> int:
        asked.wait(10)
        clock.now += 2
        return threading.get_ident()

    runner = StageRunner("mt", [Scripted("only")], clock=clock)
    calls = [asyncio.create_task(runner.run(slow)) for _ in range(2)]
    await asyncio.sleep(0)
    asked.set()
    (thread, first), (_, second) = await asyncio.gather(*calls)
    assert thread != threading.get_ident()
    assert (first.queue_s, first.compute_s) == (0, 2)
    assert (second.queue_s, second.compute_s) == (2, 2)  # one worker: the second call waited for the first


async def test_workers_run_in_parallel() -> None:
    both = threading.Barrier(2, timeout=10)
    runner = StageRunner("mt", [Scripted("only")], workers=2)
    await asyncio.gather(runner.run(lambda _: both.wait()), runner.run(lambda _: both.wait()))


HANG_S = 0.05
"""How often calls are looked at goes by it and takes real time; whether one hangs is told by a clock that only goes on
in calls: no other ever hangs, however slow the machine."""


class Hanging(Scripted):
    """Hangs until it is let go."""

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        super().__init__(name)
        self.clock = clock or Clock()
        self.let_go = threading.Event()

    def work(self, request: str) -> str:
        self.calls.append(request)
        self.clock.now += 2 * HANG_S
        self.let_go.wait(10)
        return "late"


async def test_an_engine_that_hangs_is_left_and_the_next_one_serves_with_another_thread() -> None:
    clock = Clock()
    first, second = Hanging("first", clock), Scripted("second")
    runner = StageRunner("mt", [first, second], hang_s=HANG_S, clock=clock)
    for calls in range(1, MAX_STUCK + 1):
        runner.check()
        result, timing = await runner.run(lambda e: e.work("a"))
        assert (result, timing.failed, len(first.calls)) == ("second:a", ("first",), calls)
    with pytest.raises(EngineFailed, match="do not come back"):
        runner.check()
    first.let_go.set()
    while runner._pool.stuck:
        await asyncio.sleep(0.001)
    runner.check()  # they came back after all


async def test_a_hang_is_noticed_also_when_its_caller_has_gone_and_others_do_not_wait_behind_it() -> None:
    first = Hanging("first", clock := Clock())
    runner = StageRunner("mt", [first], hang_s=HANG_S, clock=clock)
    hasty = asyncio.create_task(runner.run(lambda e: e.work("a")))
    while not first.calls:
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(runner.run(lambda e: "served"))
    hasty.cancel()
    assert (await waiting)[0] == "served"
    assert runner._pool.stuck == 1
    first.let_go.set()


async def test_a_batch_that_hangs_is_given_up_as_a_whole() -> None:
    first = Hanging("first", clock := Clock())
    runner = StageRunner("mt", [first], hang_s=HANG_S, clock=clock)
    answers = await runner.run_batch(["a", "b", "c"], lambda e, requests: [e.work("a") for _ in requests])
    assert [type(answer) for answer in answers] == [StageTimeout] * 3
    assert (first.calls, runner._pool.stuck) == (["a"], 1)
    first.let_go.set()


async def test_waiting_for_a_thread_is_not_hanging() -> None:
    clock = Clock()

    def work(engine: Scripted) -> str:
        clock.now += 0.6 * HANG_S
        time.sleep(2 * HANG_S / LOOKS)  # it is looked at
        return engine.work("a")

    runner = StageRunner("mt", [Scripted("only")], hang_s=HANG_S, clock=clock)
    found = await asyncio.gather(*(runner.run(work) for _ in range(5)))
    assert [result for result, _ in found] == ["only:a"] * 5
    runner.check()


async def test_engines_are_replaced_while_a_call_is_under_way() -> None:
    old, new = Hanging("old"), Scripted("new")
    runner = StageRunner("mt", [old], workers=2)
    running = asyncio.create_task(runner.run(lambda e: e.work("a")))
    while not old.calls:
        await asyncio.sleep(0.001)
    runner.replace([new])
    assert (await runner.run(lambda e: e.work("b")))[0] == "new:b"
    old.let_go.set()
    assert (await running)[0] == "late"


def test_settings_of_one_stage_are_revised_and_checked() -> None:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    found = revised(settings, "asr", {"model": "tiny.en"})
    assert (found.asr.model, found.asr.beam_size, settings.asr.model) == ("tiny.en", settings.asr.beam_size, "base")
    for changes in ({"modell": "tiny.en"}, {"workers": 3}, {"beam_size": 0}):
        with pytest.raises(ValueError, match=r"."):
            revised(settings, "asr", changes)


# --- traces -----------------------------------------------------------------------------------------------------------
async def test_a_batch_leaves_a_span_in_the_trace_of_each_request_that_has_one() -> None:
    kept = Kept()
    parents = [kept.spans.begin("asr", "client", {}) for _ in range(2)]
    traces = {"a": parents[0].traceparent, "b": "", "c": parents[1].traceparent}
    runner = StageRunner("asr", [broken("first"), Scripted("second")], spans=kept.spans)
    answers = await runner.run_batch(
        list(traces), lambda e, batch: [e.work(r) for r in batch], trace_of=traces.__getitem__
    )
    assert [timing.batch for _, timing in answers] == [3, 3, 3]  # type: ignore[misc]
    for name, error in (("asr first", "engine_failed"), ("asr second", None)):
        spans = kept.named(name)
        assert [span.parent.span_id for span in spans if span.parent] == [
            context_of(parent.traceparent).span_id  # type: ignore[union-attr]
            for parent in parents
        ]
        assert {attributes(span).get("error.type") for span in spans} == {error}
        assert {attributes(span)["izwi.batch"] for span in spans} == {3}


async def test_a_span_of_an_engine_lies_where_the_work_was_done() -> None:
    kept = Kept()
    before, parent = time.time_ns(), kept.spans.begin("mt", "client", {})
    runner = StageRunner("mt", [Scripted("only")], spans=kept.spans)
    await runner.run(lambda e: e.work("a"), traces=[parent.traceparent])
    with pytest.raises(ClientError):
        await StageRunner("mt", [Scripted("only", UnsupportedPair("no"))], spans=kept.spans).run(
            lambda e: e.work("a"), traces=[parent.traceparent]
        )
    first, second = kept.named("mt only")
    assert before <= first.start_time <= first.end_time <= second.end_time <= time.time_ns()  # type: ignore[operator]
    assert attributes(second)["error.type"] == "unsupported_pair"
