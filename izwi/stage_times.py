"""Where the time of a session or a recording went, by stage, for a client that asked with ``debug``."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from izwi.messages import HotwordMatch, Meta, StageTime
from izwi.stages import Timing
from izwi.tracing import current


class StageTimes:
    """Adds up the timings of stage calls until they are told.

    Args:
        before: what has been added up already.
    """

    def __init__(self, before: Mapping[str, StageTime] = MappingProxyType({})) -> None:
        self._timings = dict(before)

    def note(self, stage: str, timing: Timing) -> None:
        """A call that was made."""
        before = self._timings.get(stage, StageTime(queue=0.0, compute=0.0))
        self._timings[stage] = StageTime(
            queue=before.queue + timing.queue_s * 1000, compute=before.compute + timing.compute_s * 1000
        )

    @property
    def timings(self) -> dict[str, StageTime]:
        """All calls since they were last told."""
        return {
            stage: StageTime(queue=round(time.queue, 1), compute=round(time.compute, 1))
            for stage, time in self._timings.items()
        }

    def meta(self, matches: Sequence[HotwordMatch]) -> Meta:
        """All calls since this was last asked, with the hotwords of the utterance."""
        timings, self._timings = self.timings, {}
        trace = current.get()
        return Meta(timings_ms=timings, hotword_matches=list(matches), trace_id=trace.id if trace else None)


def joined(metas: Iterable[Meta]) -> Meta:
    """What several of them say together, with the trace of the last one that has one."""
    timings: dict[str, StageTime] = {}
    matches: list[HotwordMatch] = []
    trace_id: str | None = None
    for meta in metas:
        for stage, time in meta.timings_ms.items():
            before = timings.get(stage, StageTime(queue=0.0, compute=0.0))
            timings[stage] = StageTime(
                queue=round(before.queue + time.queue, 1), compute=round(before.compute + time.compute, 1)
            )
        matches += meta.hotword_matches
        trace_id = meta.trace_id or trace_id
    return Meta(timings_ms=timings, hotword_matches=matches, trace_id=trace_id)
