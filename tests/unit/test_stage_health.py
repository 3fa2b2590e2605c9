from deployments.ingress.metrics import Metrics
from deployments.ingress.stage_health import FORGOTTEN_S, MOST_CHANGES, StageHealth
from izwi.errors import EngineFailed, InternalError, Overloaded, StageTimeout, UnsupportedPair
from izwi.messages import StageStatus


def test_sessions_hear_of_a_stage_that_fails_once_and_when_it_works_again() -> None:
    health = StageHealth(Metrics())
    with health.changes() as first, health.changes() as second:
        for _ in range(3):
            health.failed("asr", EngineFailed("lost its replica"))
        health.failed("vad", StageTimeout("slow"))
        assert health.failing == {"asr": "engine_failed", "vad": "stage_timeout"}
        health.worked("mt")
        health.worked("asr")
        told = [
            StageStatus(stage="asr", working=False, code="engine_failed"),
            StageStatus(stage="vad", working=False, code="stage_timeout"),
            StageStatus(stage="asr", working=True),
        ]
        for queue in (first, second):
            assert [queue.get_nowait() for _ in range(queue.qsize())] == told
    health.failed("asr", EngineFailed("again"))
    assert first.empty()


def test_what_says_nothing_about_the_stage_is_not_told() -> None:
    health = StageHealth(Metrics())
    with health.changes() as queue:
        for error in (UnsupportedPair("xx"), Overloaded("full"), InternalError("a defect")):
            health.failed("mt", error)
        assert queue.empty()


def test_a_session_that_does_not_ask_costs_no_memory() -> None:
    health = StageHealth(Metrics())
    with health.changes() as queue:
        for _ in range(MOST_CHANGES):
            health.failed("asr", EngineFailed("lost"))
            health.worked("asr")
        assert queue.qsize() == MOST_CHANGES


def test_a_failure_that_nobody_has_seen_again_is_forgotten() -> None:
    now = 0.0
    health = StageHealth(Metrics(), lambda: now)
    health.failed("tts", StageTimeout("slow"))
    now = FORGOTTEN_S - 1
    health.failed("tts", StageTimeout("slow again"))
    health.failed("asr", EngineFailed("lost"))
    now = FORGOTTEN_S + 1
    health.forget()
    assert set(health.failing) == {"tts", "asr"}
    health.failed("asr", EngineFailed("lost again"))
    now = 2 * FORGOTTEN_S
    with health.changes() as queue:
        health.forget()
        assert queue.get_nowait() == StageStatus(stage="tts", working=True)
    assert set(health.failing) == {"asr"}
