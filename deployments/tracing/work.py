"""What a trace is about: an utterance, or a request."""

import time
from collections.abc import Callable

from deployments.tracing.spans import Attributes, Span, Spans
from izwi.audio import SAMPLE_RATE
from izwi.stages import Timing
from izwi.tracing import current


class Work:
    """Its root span is under way; an `izwi.tracing.Trace`.

    A detector call every tenth of a second would hide everything else: together they are one span, ``vad``, which ends
    where the end of an utterance was noticed.

    Args:
        done: told at its end.
    """

    def __init__(self, spans: Spans, root: Span, done: Callable[["Work"], None] = lambda _: None) -> None:
        self._spans = spans
        self._root = root
        self._done = done
        self._ended = False
        self._began_s = time.perf_counter()
        self._detected_s = self._began_s
        self._detector = Timing("")
        self._calls = self._samples = 0
        self.traceparent = root.traceparent
        """For spans of calls made for it, also after its end."""

    @property
    def id(self) -> str:
        return self._root.trace_id

    def note(self, attributes: Attributes) -> None:
        self._root.note(attributes)

    def rename(self, name: str) -> None:
        self._root.rename(name)

    def detected(self, timing: Timing, samples: int) -> None:
        """The detector has judged that much of its audio."""
        before = self._detector
        self._detector = Timing(
            timing.engine, before.queue_s + timing.queue_s, before.compute_s + timing.compute_s, timing.preferred
        )
        self._calls += 1
        self._samples += samples
        self._detected_s = time.perf_counter()

    def end(self, error: str = "") -> None:
        """It is over; whatever is said about it later changes nothing."""
        if self._ended:
            return
        self._ended = True
        if self._calls:
            told = timing_attributes(self._detector) | {
                "izwi.calls": self._calls,
                "izwi.audio_s": self._samples / SAMPLE_RATE,
            }
            listened_s = self._detected_s - self._began_s
            self._spans.record("vad", "internal", told, self.traceparent, self._began_s, listened_s)
        self._root.end(error)
        self._done(self)


def at_hand() -> Work | None:
    """What the work at hand is for."""
    work = current.get()
    return work if isinstance(work, Work) else None


def timing_attributes(timing: Timing) -> dict[str, str | bool | int | float]:
    """Where the time of a stage's call went, and who did the work."""
    return {
        "izwi.engine": timing.engine,
        "izwi.queue_s": timing.queue_s,
        "izwi.compute_s": timing.compute_s,
        "izwi.fallback": timing.engine != timing.preferred,
        "izwi.failed": len(timing.failed),
        "izwi.batch": timing.batch,
        "izwi.attempts": timing.attempts,
    }
