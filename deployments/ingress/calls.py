"""Calls from the session to the stages: Serve handles seen as plain callables.

Here a lost replica becomes a retry, a slow one a timeout that is also cancelled, and anything a stage raises one
of Izwi's own errors.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ray.serve.handle import DeploymentHandle
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from deployments.ingress.handles import Handles
from deployments.ingress.metrics import Metrics
from deployments.ingress.shared import Shared
from deployments.ingress.stage_failures import as_ours
from deployments.ingress.stage_health import StageHealth
from izwi.audio import SAMPLE_RATE
from izwi.batching import Batcher
from izwi.errors import InternalError, IzwiError, StageTimeout, Unavailable
from izwi.files.hearing import Ears
from izwi.stages import (
    AsrRequest,
    AsrResult,
    Capabilities,
    MtRequest,
    MtResult,
    SpeakerRequest,
    SpeakerResult,
    Stages,
    TtsChunk,
    TtsRequest,
    VadRequest,
    VadResult,
)

ATTEMPTS = 4
"""Calls made before giving up: a killed replica is replaced within seconds, and Serve routes round it at once."""
VAD_LINGER_S = 0.02
"""A detector call waits this long for those of other sessions: ten times less than an utterance needs to be noticed,
and a call between replicas costs ten times what the detector does."""
VAD_QUIET_LINGER_S = 0.1
"""The same for audio of a quiet room: as long as a chunk, so that every quiet session of this replica joins in."""
VAD_BATCH = 32
VAD_PLACES = 2
PATIENCE_S = {"vad": 1.0, "asr": 4.0, "mt": 4.0, "tts": 10.0, "speakers": 20.0}
"""For an answer until sessions are told that a stage does not answer. A careful pass on a busy machine takes two
seconds; the detector a fiftieth of one, and its replica is replaced in three; Kokoro four for a long piece beside
recognition on two cores; speakers may have to start first."""


class StageCalls:
    """Typed calls on `Handles`, with timeout, cancellation, retries and metrics.

    Args:
        handles: where the calls go.
        timeout_s: limit of one call, in seconds.
        metrics: counts calls, time and failures.
        asr_places: recognition calls this replica's sessions may have under way at once.
        asr_batch: windows per recognition call at most.
    """

    def __init__(
        self, handles: Handles, timeout_s: float, metrics: Metrics, asr_places: int = 1, asr_batch: int = 1
    ) -> None:
        self._handles = handles
        self._timeout_s = timeout_s
        self.health = StageHealth(metrics)
        self._metrics = metrics
        self._asr_turns: Batcher[AsrRequest, AsrResult] = Batcher(self.asr, asr_places, asr_batch)
        self._vad_turns: Batcher[VadRequest, VadResult] = Batcher(self.vad, VAD_PLACES, VAD_BATCH)
        self._capabilities = Shared(self._ask_capabilities)
        metrics.waiting.labels("asr", "live").set_function(lambda: self._asr_turns.waiting)
        metrics.waiting.labels("asr", "file").set_function(lambda: self._asr_turns.files_waiting)
        metrics.waiting.labels("vad", "live").set_function(lambda: self._vad_turns.waiting)
        metrics.caches.sources["capabilities"] = lambda: self._capabilities.counts

    def stages(self) -> Stages:
        recognise, company = self._asr_turns.ask, lambda: self._vad_turns.gathering
        spacing = self._asr_turns.spacing
        return Stages(self._detect, recognise, self.mt, self.tts, company, spacing, speakers=self.speakers)

    def ears(self) -> Ears:
        """For recordings: they wait for live speech."""
        return Ears(self._detect, self._asr_turns.ask_for_file)

    @property
    def wait_s(self) -> float:
        """Seconds that the longest waiting recognition has waited for its turn."""
        return self._asr_turns.wait_s

    @property
    def live_calls_s(self) -> float:
        """Seconds that recognition calls for live speech have been under way so far, of several at once all."""
        return self._asr_turns.live_calls_s

    def resize_asr(self, places: int, sharers: int) -> None:
        """There are more or fewer recognisers than before, or ingresses that call them."""
        self._asr_turns.resize(places, sharers)

    async def _detect(self, request: VadRequest) -> VadResult:
        linger_s = VAD_QUIET_LINGER_S if request.patient else VAD_LINGER_S
        return await self._vad_turns.ask(lambda: request, urgent=True, linger_s=linger_s)

    async def vad(self, requests: Sequence[VadRequest], urgent: bool) -> Sequence[VadResult | IzwiError]:
        """Several sessions' audio in one call."""
        results: list[VadResult | IzwiError] = await self._retried("vad", self._handles.vad, list(requests), ATTEMPTS)
        self._note("vad", requests, results)
        return results

    async def asr(self, requests: Sequence[AsrRequest], urgent: bool) -> Sequence[AsrResult | IzwiError]:
        """Several sessions' windows in one call. A partial pass is not worth asking twice: the next one is newer."""
        attempts = ATTEMPTS if urgent else 1
        results: list[AsrResult | IzwiError] = await self._retried("asr", self._handles.asr, list(requests), attempts)
        self._note("asr", requests, results)
        self._metrics.asr_retries.inc(sum(result.retries for result in results if isinstance(result, AsrResult)))
        return results

    async def mt(self, request: MtRequest) -> MtResult:
        return await self._call("mt", self._handles.mt, request)

    async def speakers(self, request: SpeakerRequest) -> SpeakerResult:
        """What voices sound like. After a while without such calls there is no replica, and the next one waits until it
        has started, within the same limit.

        Raises:
            ModelMissing: the server has no engine for it.
        """
        audio_s = sum(map(len, request.windows)) / SAMPLE_RATE
        return await self._call("speakers", self._handles.speakers, request, audio_s)

    async def tts(self, request: TtsRequest) -> AsyncGenerator[TtsChunk]:
        """Pieces of one clause. After a lost replica the clause is asked for again and the pieces already said
        are skipped: a stage cuts the same text into the same pieces."""
        said = 0
        for attempt in range(1, ATTEMPTS + 1):
            response = self._handles.tts.options(stream=True).remote(request)
            try:
                skip = said
                while True:
                    try:
                        with self._impatiently("tts"):
                            async with asyncio.timeout(self._timeout_s):
                                chunk: TtsChunk = await anext(response)
                    except StopAsyncIteration:
                        return
                    if skip:
                        skip -= 1
                        continue
                    self._metrics.observe("tts", chunk.timing, len(chunk.pcm) / chunk.sample_rate)
                    self.health.worked("tts")
                    said += 1
                    yield _after(attempt, chunk)
            except Exception as error:
                response.cancel()
                known = as_ours("tts", error)
                self._note_failure("tts", known)
                if attempt == ATTEMPTS or not known.retryable:
                    raise known from error
            except BaseException:
                response.cancel()
                raise

    async def capabilities(self) -> dict[str, Capabilities]:
        """What every stage can do, as of a second ago at most; raises `Unavailable` while one of them cannot answer."""
        return await self._capabilities.get()

    async def _ask_capabilities(self) -> dict[str, Capabilities]:
        names = self._handles.items()
        found = await asyncio.gather(
            *(self._once(stage, handle.capabilities.remote()) for stage, handle in names.items())
        )
        return dict(zip(names, found, strict=True))

    def _note(
        self,
        stage: str,
        requests: Sequence[VadRequest | AsrRequest],
        results: Sequence[VadResult | AsrResult | IzwiError],
    ) -> None:
        self._metrics.batch.labels(stage).observe(len(results))
        for request, result in zip(requests, results, strict=True):
            if isinstance(result, IzwiError):
                self._note_failure(stage, result)
            else:
                self._metrics.observe(stage, result.timing, len(request.samples) / SAMPLE_RATE)
                self.health.worked(stage)

    @contextmanager
    def _impatiently(self, stage: str) -> Iterator[None]:
        """A replica that died between two calls fails none: the next one waits for its successor, and nobody knows."""
        late = StageTimeout(f"the {stage} stage has not answered for {PATIENCE_S[stage]:g} s")
        timer = asyncio.get_running_loop().call_later(PATIENCE_S[stage], self.health.failed, stage, late)
        try:
            with self._metrics.running.labels(stage).track_inprogress():
                yield
        except IzwiError as error:
            self.health.failed(stage, error)
            raise
        finally:
            timer.cancel()

    def _note_failure(self, stage: str, error: IzwiError) -> None:
        self._metrics.stage_errors.labels(stage, error.code).inc()
        self.health.failed(stage, error)

    async def _call(self, stage: str, handle: DeploymentHandle, request: Any, audio_s: float = 0.0) -> Any:
        result = await self._retried(stage, handle, request, ATTEMPTS)
        self._metrics.observe(stage, result.timing, audio_s)
        self.health.worked(stage)
        return result

    async def _retried(self, stage: str, handle: DeploymentHandle, request: Any, attempts: int) -> Any:
        batched = isinstance(request, list)
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(attempts),
            wait=wait_random_exponential(multiplier=0.1, max=2.0),
            retry=retry_if_exception_type(Unavailable),
            reraise=True,
        ):
            with attempt, self._impatiently(stage):
                result = await self._once(stage, handle.remote(request), len(request) if batched else 1)
                return _after(attempt.retry_state.attempt_number, result)
        raise InternalError("unreachable: the last attempt returns or raises")

    async def _once(self, stage: str, response: Any, requests: int = 1) -> Any:
        """The answer to a call with so many requests, which fail together."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await response
        except Exception as error:
            response.cancel()
            known = as_ours(stage, error)
            self._metrics.stage_errors.labels(stage, known.code).inc(requests)
            raise known from error
        except BaseException:
            response.cancel()
            raise


def _after(attempts: int, result: Any) -> Any:
    """A result, or several, that took that many calls."""
    if isinstance(result, list):
        return [_after(attempts, one) for one in result]
    if attempts == 1 or isinstance(result, IzwiError):
        return result
    return replace(result, timing=replace(result.timing, attempts=attempts))
