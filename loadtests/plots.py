"""Delays over the number of speakers, drawn."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

from loadtests.report import DELAYS, title


def plot(summary: dict[str, Any], folder: Path) -> None:
    """Write ``delays.png`` and ``delays.svg``, one panel per direction; runs without a valid clock are left out."""
    directions = list(dict.fromkeys(row["direction"] for row in summary["runs"]))
    figure, panels = pyplot.subplots(
        1, len(directions), figsize=(6.5 * len(directions), 4.5), layout="constrained", squeeze=False
    )
    for axes, direction in zip(panels[0], directions, strict=True):
        runs = [row for row in summary["runs"] if row["direction"] == direction and not row["void"]]
        _panel(axes, runs)
        axes.set(xlabel="speakers", ylabel="seconds", title=f"Delay, {title(direction)}", ylim=(0, None))
    for kind in ("png", "svg"):
        figure.savefig(folder / f"delays.{kind}", dpi=150)
    pyplot.close(figure)


def _panel(axes: Axes, runs: list[dict[str, Any]]) -> None:
    for key, (name, which) in DELAYS.items():
        measured = [run for run in runs if run[key]["p50"] is not None]
        if not measured:
            continue
        colour = None
        for percentile, style in zip(which, ("-", "--", ":"), strict=False):
            (drawn,) = axes.plot(
                [run["speakers"] for run in measured],
                [run[key][percentile] for run in measured],
                marker="o",
                markersize=3,
                linestyle=style,
                color=colour,
                label=f"{name}, {percentile}" if percentile == "p50" else percentile,
            )
            colour = drawn.get_color()
    axes.grid(alpha=0.3)
    if axes.has_data():
        axes.set_xscale("log", base=2)  # the ramp doubles
        axes.set_xticks([run["speakers"] for run in runs], [str(run["speakers"]) for run in runs])
        axes.legend(ncols=2, fontsize="x-small")
