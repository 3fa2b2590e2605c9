"""How quick the machine is at passes at one time, against another: the processors of a virtual machine have good and
bad minutes, in which the same pass takes up to a third longer. What the table says and what the bench saw are minutes
apart."""

import time
from collections.abc import Sequence
from statistics import mean, median

from deployments.asr.faster_whisper import FasterWhisper
from izwi.capacity.costs import AsrRow
from izwi.stages import AsrRequest
from loadtests.corpus import Clip
from loadtests.costs.engines import CROWD_S, windows


class Speed:
    """Processor time of the same passes, now and then.

    Args:
        engine: of a model whose passes stand for all.
        language: of the clips, ISO 639-1.
    """

    def __init__(self, engine: FasterWhisper, language: str, clips: Sequence[Clip]) -> None:
        self._engine = engine
        self._requests = [[AsrRequest(window, language, final=False)] for window in windows(clips, CROWD_S)]
        self._table_s: list[float] = []
        self._bench_s: list[float] = []

    def beside_table(self) -> None:
        """Look now, where the table is measured."""
        self._table_s.append(self._pass_s())

    def beside_bench(self) -> None:
        """Look now, where a server is."""
        self._bench_s.append(self._pass_s())

    @property
    def drift(self) -> float:
        """Times as long as beside the table a pass took beside the bench; 1 where there was none."""
        return mean(self._bench_s) / mean(self._table_s) if self._bench_s else 1.0

    def _pass_s(self) -> float:
        took: list[float] = []
        for requests in self._requests:
            began = time.process_time()
            self._engine.transcribe(requests)
            took.append(time.process_time() - began)
        return median(took)


def drifted(rows: Sequence[AsrRow], drift: float) -> list[AsrRow]:
    """The rows as they would have been at the time of the bench."""
    return [row.model_copy(update={"core_s": round(row.core_s * drift, 4)}) for row in rows]
