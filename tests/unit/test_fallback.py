from dataclasses import dataclass

import pytest

from izwi.fallback import MAX_FAILURES, PROBE_AFTER_S, Fallback
from tests.clock import Clock


@dataclass(frozen=True)
class Engine:
    name: str


A, B = Engine("a"), Engine("b")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fallback(clock: Clock) -> Fallback[Engine]:
    return Fallback([A, B], clock)


def everything(_: Engine) -> bool:
    return True


def fail(fallback: Fallback[Engine], engine: Engine, times: int) -> None:
    for _ in range(times):
        fallback.failed(engine)


def test_keeps_the_order_and_asks_what_is_supported(fallback: Fallback[Engine]) -> None:
    assert fallback.candidates(everything) == [A, B]
    assert fallback.candidates(lambda engine: engine is B) == [B]
    assert fallback.candidates(lambda _: False) == []


def test_set_aside_after_consecutive_failures_only(fallback: Fallback[Engine]) -> None:
    fail(fallback, A, MAX_FAILURES - 1)
    fallback.succeeded(A)
    fail(fallback, A, MAX_FAILURES - 1)
    assert fallback.candidates(everything) == [A, B]
    fallback.failed(A)
    assert fallback.candidates(everything) == [B, A]


def test_one_call_probes_and_success_restores(fallback: Fallback[Engine], clock: Clock) -> None:
    fail(fallback, A, MAX_FAILURES)
    clock.now += PROBE_AFTER_S - 0.1
    assert fallback.candidates(everything) == [B, A]
    clock.now += 0.1
    assert fallback.candidates(everything) == [A, B]
    assert fallback.candidates(everything) == [B, A], "a second call must not probe as well"
    fallback.succeeded(A)
    assert fallback.candidates(everything) == [A, B]


def test_a_failed_probe_waits_again(fallback: Fallback[Engine], clock: Clock) -> None:
    fail(fallback, A, MAX_FAILURES)
    clock.now += PROBE_AFTER_S
    fallback.candidates(everything)
    clock.now += 5
    fallback.failed(A)
    clock.now += PROBE_AFTER_S - 1
    assert fallback.candidates(everything) == [B, A]
    clock.now += 1
    assert fallback.candidates(everything) == [A, B]


def test_all_set_aside_are_still_tried(fallback: Fallback[Engine]) -> None:
    fail(fallback, A, MAX_FAILURES)
    fail(fallback, B, MAX_FAILURES)
    assert fallback.candidates(everything) == [A, B]


def test_a_preferred_engine_comes_first_unless_it_is_set_aside(fallback: Fallback[Engine]) -> None:
    def prefers(engine: Engine) -> bool:
        return engine is B

    assert fallback.candidates(everything, prefers) == fallback.ranked(everything, prefers) == [B, A]
    assert fallback.candidates(lambda engine: engine is A, prefers) == [A]
    fail(fallback, B, MAX_FAILURES)
    assert fallback.candidates(everything, prefers) == [A, B]
    assert fallback.ranked(everything, prefers) == [B, A]
