"""A run drawn, each drawing as SVG to be put into a page."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

from loadtests.swarm.notes import METRICS

SIZE = (7.0, 2.8)
"""Inches."""


def charts(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Titles and drawings; what was not measured is left out."""
    metrics, uses = results["metrics"], results["uses"]
    drawn = [
        (f"{METRICS[key]}, over time", _svg(lambda axes, one=one: _over_time(axes, one)))
        for key, one in metrics.items()
    ]
    if metrics:
        drawn.append(("share of all that took no longer", _svg(lambda axes: _curves(axes, metrics))))
    if uses:
        drawn.append(("users", _svg(lambda axes: _line(axes, uses, "users", [use["users"] for use in uses]))))
    if any(use["server"] is not None for use in uses):
        drawn.append(("CPU", _svg(lambda axes: _cpu(axes, uses))))
        drawn.append(("memory of the server", _svg(lambda axes: _memory(axes, uses, results["memory"]))))
    return drawn


def _svg(draw: Callable[[Axes], None]) -> str:
    figure, axes = pyplot.subplots(figsize=SIZE, layout="constrained")
    draw(axes)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="x-small", ncols=2)
    file = io.StringIO()
    figure.savefig(file, format="svg")
    pyplot.close(figure)
    text = file.getvalue()
    return text[text.index("<svg") :]


def _over_time(axes: Axes, metric: dict[str, Any]) -> None:
    bins = metric["over_time"]
    for name, style in (("p50", "-"), ("p95", "--")):
        axes.plot(
            [one["at_s"] for one in bins], [one[name] for one in bins], style, marker="o", markersize=2, label=name
        )
    axes.set(xlabel="seconds since the beginning", ylabel="seconds", ylim=(0, None))


def _curves(axes: Axes, metrics: dict[str, Any]) -> None:
    for key, one in metrics.items():
        axes.plot([max(1e-3, value) for _, value in one["curve"]], [q for q, _ in one["curve"]], label=METRICS[key])
    axes.set(xscale="log", xlabel="seconds", ylabel="percent")


def _line(axes: Axes, uses: Sequence[dict[str, Any]], label: str, values: Sequence[float]) -> None:
    axes.plot([use["at_s"] for use in uses], values, label=label)
    axes.set(xlabel="seconds since the beginning", ylabel=label, ylim=(0, None))


def _cpu(axes: Axes, uses: Sequence[dict[str, Any]]) -> None:
    for key, label in (("server", "server"), ("others", "others on this machine")):
        axes.plot([use["at_s"] for use in uses], [use[key] for use in uses], label=label)
    axes.set(xlabel="seconds since the beginning", ylabel="cores", ylim=(0, None))


def _memory(axes: Axes, uses: Sequence[dict[str, Any]], memory: dict[str, Any]) -> None:
    """Of all processes and those that grew most, since the first look; the line is what the limit is about."""
    at, first, last = [use["at_s"] for use in uses], uses[0]["rss"], uses[-1]["rss"]
    start = sum(first.values())
    axes.plot(at, [sum(use["rss"].values()) - start for use in uses], label=f"all, from {start:.0f} MB on")
    line = memory["later"]
    if line is not None:  # fitted to minutes
        ends = [at[-1] / 2, at[-1]]
        fitted = [line["intercept"] + line["slope"] * end / 60 - start for end in ends]
        axes.plot(ends, fitted, "--", label=f"{line['slope']:+.2f} ± {line['error']:.2f} MB a minute")
    for name in sorted(last, key=lambda name: first.get(name, 0.0) - last[name])[:3]:
        axes.plot(at, [use["rss"].get(name, 0.0) - first.get(name, 0.0) for use in uses], linewidth=0.8, label=name)
    axes.set(xlabel="seconds since the beginning", ylabel="MB more")
