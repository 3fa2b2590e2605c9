"""What all stage deployments share: engine calls on worker threads, with fallback, timing and a limit, and engines that
are replaced while others speak."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Generic, TypeVar

import structlog

from izwi.errors import ClientError, EngineFailed, IzwiError
from izwi.fallback import Fallback, Named
from izwi.settings import Settings
from izwi.stages import Timing

E = TypeVar("E", bound=Named)
Q = TypeVar("Q")
R = TypeVar("R")

HANG_S = 25.0
"""A call takes seconds at most, a padded window with all fallbacks on a busy machine included; less than the caller's
own limit, so that another engine still gets its turn."""
MAX_STUCK = 3
"""Threads that never came back from which on the replica is to be replaced: none can be ended."""

log = structlog.get_logger()


class StageRunner(Generic[E]):
    """Runs calls on the first engine that works.

    Args:
        stage: name for logs and errors.
        engines: loaded engines in order of preference.
        workers: calls in parallel; engines must allow that many threads.
        hang_s: time after which a call counts as hanging.
    """

    def __init__(self, stage: str, engines: Sequence[E], workers: int = 1, hang_s: float = HANG_S) -> None:
        self.stage = stage
        self._workers = workers
        self._hang_s = hang_s
        self._stuck = 0
        self._pool = self._new_pool()
        self.replace(engines)

    def replace(self, engines: Sequence[E]) -> None:
        """Other engines from now on; calls under way end with the ones they began with."""
        self.engines = tuple(engines)
        self._fallback = Fallback(engines, time.monotonic)

    def check(self) -> None:
        """Raise `EngineFailed` where this process has to be replaced."""
        if self._stuck >= MAX_STUCK:
            raise EngineFailed(f"{self._stuck} calls of {self.stage} engines never came back")

    async def run(self, call: Callable[[E], R], supports: Callable[[E], bool] = lambda _: True) -> tuple[R, Timing]:
        """Call an engine off the event loop; when it fails, the next one gets the same call.

        Raises:
            ClientError: the engine found fault with the request; no other engine is tried.
            EngineFailed: every engine that supports the request failed.
        """
        asked = time.perf_counter()
        fallback = self._fallback
        failed: list[str] = []
        preferred = next((engine.name for engine in self.engines if supports(engine)), "")

        for engine in fallback.candidates(supports):
            try:
                result, started, computed = await self._call(call, engine)
            except ClientError:
                raise
            except Exception:
                fallback.failed(engine)
                failed.append(engine.name)
                log.exception("engine_failed", stage=self.stage, engine=engine.name)
            else:
                fallback.succeeded(engine)
                return result, Timing(engine.name, started - asked, computed, preferred, tuple(failed))
        raise EngineFailed(f"no {self.stage} engine could serve this request")

    async def _call(self, call: Callable[[E], R], engine: E) -> tuple[R, float, float]:
        """The result, when the work on it began and the seconds it took. Waiting for a thread is not hanging.

        Raises:
            TimeoutError: the engine hangs. Its thread is lost, another takes its place.
        """
        began: list[float] = []

        def work() -> tuple[R, float, float]:
            began.append(time.perf_counter())
            result = call(engine)
            return result, began[0], time.perf_counter() - began[0]

        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            while not (await asyncio.wait([future], timeout=self._hang_s))[0]:
                if began and time.perf_counter() - began[0] >= self._hang_s:
                    self._stuck += 1
                    self._pool.shutdown(wait=False)  # what waits there is still done, as long as threads are left
                    self._pool = self._new_pool()
                    raise TimeoutError(f"{engine.name} did not come back within {self._hang_s:g} s")
            return future.result()
        finally:
            future.cancel()

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self._workers, thread_name_prefix=self.stage)

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


def revised(settings: Settings, stage: str, changes: dict[str, Any]) -> Settings:
    """The settings with other ones for one stage.

    Raises:
        pydantic.ValidationError: ``changes`` do not fit.
    """
    group = getattr(settings, stage)
    return settings.model_copy(update={stage: type(group).model_validate({**group.model_dump(), **changes})})
