"""The simulation beside what was measured on a server, with the costs of the same run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from statistics import median
from typing import Any

from izwi.capacity.costs import BENCH, CPU, CostTable
from izwi.capacity.price import prices
from izwi.capacity.scenario import Scenario, Servers
from izwi.capacity.simulation.run import Figures, simulate
from izwi.capacity.speech import Speech
from izwi.messages import SessionStart
from izwi.settings import Settings

FIGURES = (
    ("word_shown_s", "p50"),
    ("word_shown_s", "p95"),
    ("final_lag_s", "p50"),
    ("asr_passes_per_s", ""),
    ("cpu_cores", ""),
)
"""Of a bench. Not the 95th percentile of final lags: there is one for each clip, and of so few that is the worst."""
FINALS_S = 60.0
"""Speech of all speakers together, about ten clips, from which on their median final lag says something."""
DRAWS = 5
"""Runs of the simulation, of which the median counts: they differ in what the recogniser finds hard."""


@dataclass(frozen=True)
class Compared:
    speakers: int
    figure: str
    measured: float
    simulated: float

    @property
    def off(self) -> float:
        """0.1 where the simulation is a tenth above what was measured."""
        return self.simulated / self.measured - 1


def measured() -> dict[str, Any]:
    """The bench of the run that the shipped table is of."""
    return json.loads(files("izwi.capacity").joinpath(BENCH).read_text("utf-8"))


def compare(
    table: CostTable, speech: Speech, rows: Sequence[Mapping[str, Any]], seconds: float, seed: int
) -> Iterator[Compared]:
    """Each of `FIGURES`, for each row of a bench with captions by one replica, on what the machine of the table had
    left for the server: the bench itself comes first, and others may have been at work."""
    settings = Settings.model_construct()
    settings = settings.model_copy(
        update={"asr": settings.asr.model_copy(update={"model": table.asr[0].model}), "device": CPU}
    )
    priced = prices(table, settings, CPU, speech.language, None, speech=False)
    start = SessionStart(source_language=speech.language)
    clips = speech.clips
    for row in rows:
        servers = Servers(cores=table.machine.cores - row["bench_cores"] - row["others_cores"])
        draws = [
            simulate(Scenario(row["speakers"], seconds, seed=seed, luck=luck), servers, priced, settings, clips, start)
            for luck in range(DRAWS)
        ]
        for name, percentile in FIGURES:
            if name == "final_lag_s" and row["speakers"] * seconds < FINALS_S:
                continue
            was = row[name][percentile] if percentile else row[name]
            found = median(_of(one, name, percentile) for one in draws)
            yield Compared(row["speakers"], f"{name} {percentile}".rstrip(), was, found)


def _of(figures: Figures, name: str, percentile: str) -> float:
    value = getattr(figures, name)
    return value[percentile] if percentile else value
