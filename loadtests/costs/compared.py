"""What the simulation makes of the shipped costs, beside what was measured in the same run.

python -m loadtests.costs.compared
"""

from collections.abc import Sequence
from typing import Any

import typer

from izwi.capacity import costs, speech
from izwi.capacity.costs import CostTable
from izwi.capacity.simulation.check import FIGURES, Compared, compare, measured
from izwi.capacity.speech import Speech


def table(priced: CostTable, said: Speech, rows: Sequence[dict[str, Any]], seconds: float, seed: int) -> str:
    """Measured, then simulated, one row per number of speakers, and how far the worst figure is off."""
    found = list(compare(priced, said, rows, seconds, seed))
    names = ["speakers", *(f"{name} {percentile}".strip() for name, percentile in FIGURES)]
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for speakers in dict.fromkeys(one.speakers for one in found):
        cells = {one.figure: _cell(one) for one in found if one.speakers == speakers}
        lines.append(f"| {' | '.join([str(speakers), *(cells.get(name, '–') for name in names[1:])])} |")
    worst = max(found, key=lambda one: abs(one.off))
    return "\n".join([*lines, f"measured, then simulated; at most {100 * abs(worst.off):.0f} % off"])


def _cell(one: Compared) -> str:
    return f"{one.measured:.2f}, {one.simulated:.2f}"


def main() -> None:
    """Compare the files in the package with one another."""
    bench = measured()
    typer.echo(table(costs.shipped(), speech.shipped(), bench["rows"], bench["seconds"], bench["seed"]))


if __name__ == "__main__":
    typer.run(main)
