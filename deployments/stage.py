"""What all stage deployments share: engine calls on worker threads, with fallback, timing and a limit, and engines that
are replaced while others speak."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import structlog

from deployments.worker_pool import WorkerPool
from izwi.errors import ClientError, EngineFailed, IzwiError, StageTimeout
from izwi.fallback import Fallback, Named
from izwi.settings import Settings
from izwi.stages import Timing

if TYPE_CHECKING:
    from deployments.tracing.spans import Spans

E = TypeVar("E", bound=Named)
Q = TypeVar("Q")
R = TypeVar("R")

HANG_S = 25.0
"""A call takes seconds at most, a padded window with all fallbacks on a busy machine included; less than the caller's
own limit, so that another engine still gets its turn."""
MAX_STUCK = 3
"""Threads that hang from which on the replica is to be replaced: none can be ended."""

log = structlog.get_logger()


class StageRunner(Generic[E]):
    """Runs calls on the first engine that works.

    Args:
        stage: name for logs and errors.
        engines: loaded engines in order of preference.
        workers: calls in parallel; engines must allow that many threads.
        hang_s: time after which a call counts as hanging.
        spans: where calls that are traced are told, one by one.
        clock: that calls are timed by; the one that spans go by.
    """

    def __init__(
        self,
        stage: str,
        engines: Sequence[E],
        workers: int = 1,
        hang_s: float = HANG_S,
        spans: "Spans | None" = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.stage = stage
        self._spans = spans
        self._clock = clock
        self._pool = WorkerPool(stage, workers, hang_s, clock)
        self.replace(engines)

    def replace(self, engines: Sequence[E]) -> None:
        """Other engines from now on; calls under way end with the ones they began with."""
        self.engines = tuple(engines)
        self._fallback = Fallback(engines, time.monotonic)

    def check(self) -> None:
        """Raise `EngineFailed` where this process has to be replaced."""
        if self._pool.stuck >= MAX_STUCK:
            raise EngineFailed(f"{self._pool.stuck} calls of {self.stage} engines do not come back")

    async def run(
        self,
        call: Callable[[E], R],
        supports: Callable[[E], bool] = lambda _: True,
        prefers: Callable[[E], bool] = lambda _: False,
        traces: Sequence[str] = (),
    ) -> tuple[R, Timing]:
        """Call an engine off the event loop; when it fails, the next one gets the same call. Arguments as for
        `Fallback.candidates`.

        Args:
            traces: of the requests that are served by the call.

        Raises:
            ClientError: the engine found fault with the request; no other engine is tried.
            StageTimeout: the last engine that supports the request hangs.
            EngineFailed: every engine that supports the request failed.
        """
        asked = self._clock()
        fallback = self._fallback
        failed: list[str] = []
        hangs = False
        preferred = next((engine.name for engine in fallback.ranked(supports, prefers)), "")

        for engine in fallback.candidates(supports, prefers):
            tried = self._clock()
            try:
                result, started, computed = await self._pool.run(partial(call, engine))
            except ClientError as error:
                self._tell(engine.name, traces, tried, error=error.code)
                raise
            except Exception as error:
                hangs = isinstance(error, TimeoutError)
                fallback.failed(engine)
                failed.append(engine.name)
                self._tell(engine.name, traces, tried, error=StageTimeout.code if hangs else EngineFailed.code)
                log.exception("engine_failed", stage=self.stage, engine=engine.name)
            else:
                fallback.succeeded(engine)
                self._tell(engine.name, traces, tried, started, computed)
                return result, Timing(engine.name, started - asked, computed, preferred, tuple(failed))
        if hangs:
            raise StageTimeout(f"the {self.stage} engine {failed[-1]} does not come back")
        raise EngineFailed(f"no {self.stage} engine could serve this request")

    async def run_batch(
        self,
        requests: Sequence[Q],
        call: Callable[[E, Sequence[Q]], Sequence[R]],
        supports: Callable[[E], bool] = lambda _: True,
        trace_of: Callable[[Q], str] = lambda _: "",
    ) -> list[tuple[R, Timing] | IzwiError]:
        """As `run` for several requests in one call of the engine, answered in order. If it fails each request is
        tried alone: an error stands in the place of the answer it prevents, and one bad request spoils no other. If it
        hangs none is: their callers have waited as long as they will."""
        try:
            traces = [trace_of(request) for request in requests]
            results, timing = await self.run(lambda engine: call(engine, requests), supports, traces=traces)
        except IzwiError as error:
            if len(requests) == 1 or isinstance(error, StageTimeout):
                return [error for _ in requests]
            alone = [await self.run_batch([request], call, supports, trace_of) for request in requests]
            return [answer for (answer,) in alone]
        share = replace(timing, compute_s=timing.compute_s / len(requests), batch=len(requests))
        return [(result, share) for result in results]

    def _tell(
        self,
        engine: str,
        traces: Sequence[str],
        asked: float,
        began: float | None = None,
        took: float = 0.0,
        error: str = "",
    ) -> None:
        """A span of the engine's work in the trace of each request; of what failed, with the wait for a thread."""
        if self._spans is None:
            return
        if began is None:
            began, took = asked, self._clock() - asked
        told = {"izwi.engine": engine, "izwi.batch": len(traces), "izwi.queue_s": began - asked}
        for trace in filter(None, traces):
            self._spans.record(f"{self.stage} {engine}", "server", told, trace, began, took, error)


SWAPPABLE = {
    "vad": {"engines"},
    "asr": {
        *("engines", "model", "compute_type", "threads", "margin_s", "retry_margin_s"),
        *("beam_size", "temperatures", "padded"),
    },
    "mt": {"engines"},
    "tts": {"engines", "threads", "first_piece_chars", "piece_chars"},
    "speakers": {"engines", "threads"},
}
"""What a stage alone goes by; the rest concerns sessions and placement as well and needs a deployment."""


def revised(settings: Settings, stage: str, changes: dict[str, Any]) -> Settings:
    """The settings with other ones for one stage.

    Raises:
        ValueError: ``changes`` do not fit (pydantic's ValidationError is one), or cannot be made while it runs.
    """
    if fixed := set(changes) - SWAPPABLE[stage]:
        raise ValueError(f"{', '.join(sorted(fixed))} of {stage} cannot be changed by user_config")
    group = getattr(settings, stage)
    return settings.model_copy(update={stage: type(group).model_validate({**group.model_dump(), **changes})})
