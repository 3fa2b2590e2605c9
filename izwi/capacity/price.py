"""What one call of a stage costs, looked up in a cost table and interpolated between its rows."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from izwi.capacity import costs
from izwi.capacity.costs import AsrRow, CostTable, MtRow, ReplicaRow, TtsRow, VadRow
from izwi.settings import Settings

OPEN = ("ingress", "vad", "proxy")
"""Deployments whose costs are those of open sessions."""
TTS_WORKERS = 2
"""Syntheses that a replica has under way at once (deployments/tts/deployment.py)."""


@dataclass(frozen=True)
class Asr:
    """Recognition with one model, in one language, on one kind of device."""

    partial: tuple[AsrRow, ...]
    careful: tuple[AsrRow, ...]

    def core_s(self, window_s: float, batch: float, *, careful: bool) -> float:
        """Core-seconds of one call with ``batch`` windows of ``window_s`` seconds.

        Between measured rows along straight lines; beyond them as beside the last ones, which for batches is
        pessimistic and never cheaper than what was measured.
        """
        rows = self.careful if careful else self.partial
        lengths = sorted({row.window_s for row in rows})
        return _line(lengths, [self._at(rows, length, batch) for length in lengths], window_s)

    def spread(self, *, careful: bool) -> float:
        """Of all calls of a kind: single rows are means of too few to tell."""
        rows = self.careful if careful else self.partial
        return sum(row.spread for row in rows) / len(rows)

    def _at(self, rows: Sequence[AsrRow], window_s: float, batch: float) -> float:
        measured = sorted((row.batch, row.core_s) for row in rows if row.window_s == window_s)
        return _line([float(size) for size, _ in measured], [cost for _, cost in measured], batch)


@dataclass(frozen=True)
class Prices:
    """All that one session's calls cost. Made by `prices`."""

    table: CostTable
    asr: Asr
    vad: VadRow
    mt: MtRow | None
    tts: TtsRow | None
    hindsight_s: tuple[float, ...]

    def stream(self, deployment: str, sessions: float, *, speaking: bool) -> float:
        """Cores of one of ``sessions`` that are open on one ingress; beyond those measured as with the most of them."""
        rows = [row for row in self.table.stream if row.deployment == deployment and row.speaking == speaking]
        if not rows:
            raise costs.not_measured(f"what a session costs the {deployment}")
        rows.sort(key=lambda row: row.sessions)
        inside = min(max(sessions, rows[0].sessions), rows[-1].sessions)
        return _line([float(row.sessions) for row in rows], [row.cores for row in rows], inside)

    def background(self, sessions: float, ingresses: int, duty: float) -> float:
        """Cores that open sessions take besides their calls to engines, and the idle server's own.

        Args:
            duty: share of the time in which each of them speaks.
        """
        idle = self.table.machine.idle_cores
        if not sessions:
            return idle
        company = max(1.0, sessions / ingresses)
        return idle + sessions * sum(self.session(deployment, company, duty) for deployment in OPEN)

    def session(self, deployment: str, company: float, duty: float) -> float:
        """Cores of one session of a deployment, averaged over speech and silence; see `stream`."""
        talking, listening = (self.stream(deployment, company, speaking=speaking) for speaking in (True, False))
        return duty * talking + (1 - duty) * listening

    def replica(self, deployment: str) -> ReplicaRow:
        """Memory and start of a deployment's replicas; they load all engines of the settings."""
        model = self.asr.partial[0].model if deployment == "asr" else ""
        return costs.one(
            self.table.replica,
            lambda row: (row.deployment, row.model) == (deployment, model),
            f"memory of {deployment}{f' with {model}' if model else ''}",
        )


def prices(
    table: CostTable, settings: Settings, device: str, language: str, target: str | None, speech: bool
) -> Prices:
    """The rows for one kind of session.

    Args:
        device: where recognition runs, ``cpu`` or ``cuda``; everything else runs on processors.
        language: spoken, ISO 639-1.
        target: translated into, or None for captions only.
        speech: whether the translation is spoken.

    Raises:
        NotMeasured: a row is missing.
    """
    model, compute_type = settings.asr.model, settings.asr.compute_type
    if device == costs.CPU and "float16" in compute_type:
        compute_type = "int8"  # as the graph resolves it
    where = f"recognition of {language} by {model} ({compute_type}) on {device}"
    found = [
        row
        for row in table.asr
        if (row.model, row.compute_type, row.device, row.language) == (model, compute_type, device, language)
    ]
    partial, careful = (tuple(row for row in found if row.careful == care) for care in (False, True))
    if not partial or not careful:
        raise costs.not_measured(where)
    hindsight = costs.one(table.hindsight, lambda row: row.model == model and row.language == language, where)
    vad = costs.one(table.vad, lambda row: row.engine in settings.vad.engines, "the detector")
    mt = tts = None
    if target is not None and target != language:
        mt = costs.one(
            table.mt,
            lambda row: (row.source, row.target) == (language, target) and row.engine in settings.mt.engines,
            f"translation from {language} to {target}",
        )
    if target is not None and speech:
        tts = _voice(table, settings, target)
    return Prices(table, Asr(partial, careful), vad, mt, tts, hindsight.quantiles_s)


def _voice(table: CostTable, settings: Settings, language: str) -> TtsRow:
    """The row of the first engine of the settings that was measured in a language."""
    rows = [row for row in table.tts if row.language == language]
    for engine in settings.tts.engines:
        for row in rows:
            if row.engine == engine:
                return row
    raise costs.not_measured(f"speech in {language}")


def _line(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Piecewise linear through the points; below the first its value, beyond the last as steep as the last piece."""
    if len(xs) == 1 or x <= xs[0]:
        return ys[0]
    upper = min(bisect_left(xs, x), len(xs) - 1)
    low, high = upper - 1, upper
    slope = max(0.0, (ys[high] - ys[low]) / (xs[high] - xs[low])) if x > xs[high] else None
    if slope is not None:
        return ys[high] + slope * (x - xs[high])
    return ys[low] + (ys[high] - ys[low]) * (x - xs[low]) / (xs[high] - xs[low])
