"""What all stage deployments share: engine calls on worker threads, with fallback and timing."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Generic, TypeVar

import structlog

from izwi.errors import ClientError, EngineFailed, IzwiError
from izwi.fallback import Fallback, Named
from izwi.stages import Timing

E = TypeVar("E", bound=Named)
Q = TypeVar("Q")
R = TypeVar("R")

log = structlog.get_logger()


class StageRunner(Generic[E]):
    """Runs calls on the first engine that works.

    Args:
        stage: name for logs and errors.
        engines: loaded engines in order of preference.
        workers: calls in parallel; engines must allow that many threads.
    """

    def __init__(self, stage: str, engines: Sequence[E], workers: int = 1) -> None:
        self.stage = stage
        self.engines = tuple(engines)
        self._fallback = Fallback(engines, time.monotonic)
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=stage)

    async def run(self, call: Callable[[E], R], supports: Callable[[E], bool] = lambda _: True) -> tuple[R, Timing]:
        """Call an engine off the event loop; when it fails, the next one gets the same call.

        Raises:
            ClientError: the engine found fault with the request; no other engine is tried.
            EngineFailed: every engine that supports the request failed.
        """
        asked = time.perf_counter()
        failed: list[str] = []
        preferred = next((engine.name for engine in self.engines if supports(engine)), "")

        def timed(engine: E) -> tuple[R, Timing]:
            started = time.perf_counter()
            result = call(engine)
            computed = time.perf_counter() - started
            return result, Timing(engine.name, started - asked, computed, preferred, tuple(failed))

        loop = asyncio.get_running_loop()
        for engine in self._fallback.candidates(supports):
            try:
                outcome = await loop.run_in_executor(self._pool, timed, engine)
            except ClientError:
                raise
            except Exception:
                self._fallback.failed(engine)
                failed.append(engine.name)
                log.exception("engine_failed", stage=self.stage, engine=engine.name)
            else:
                self._fallback.succeeded(engine)
                return outcome
        raise EngineFailed(f"no {self.stage} engine could serve this request")

    async def run_batch(
        self,
        requests: Sequence[Q],
        call: Callable[[E, Sequence[Q]], Sequence[R]],
        supports: Callable[[E], bool] = lambda _: True,
    ) -> list[tuple[R, Timing] | IzwiError]:
        """As `run` for several requests in one call of the engine, answered in order. If it fails each request is
        tried alone: an error stands in the place of the answer it prevents, and one bad request spoils no other."""
        try:
            results, timing = await self.run(lambda engine: call(engine, requests), supports)
        except IzwiError as error:
            if len(requests) == 1:
                return [error]
            alone = [await self.run_batch([request], call, supports) for request in requests]
            return [answer for (answer,) in alone]
        share = replace(timing, compute_s=timing.compute_s / len(requests))
        return [(result, share) for result in results]
