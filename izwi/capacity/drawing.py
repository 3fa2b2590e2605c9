"""Courses as a picture. Needs matplotlib, which only the extra ``bench`` brings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import matplotlib

from izwi.capacity.scenario import Moment

matplotlib.use("Agg")
from matplotlib import pyplot


def draw(courses: Mapping[int, Sequence[Moment]], path: Path) -> None:
    """Delays above, replicas below, one column per number of speakers; the suffix of ``path`` chooses the format."""
    plots = cast("Any", pyplot)
    figure, panels = plots.subplots(
        2, len(courses), figsize=(1.5 + 4.5 * len(courses), 6), sharex="col", squeeze=False, layout="constrained"
    )
    for column, (speakers, moments) in enumerate(courses.items()):
        at = [one.at_s for one in moments]
        upper, lower = panels[0][column], panels[1][column]
        upper.plot(at, [one.shown_p50_s for one in moments], label="word shown, p50")
        upper.plot(at, [one.shown_p95_s for one in moments], label="p95", linestyle="--")
        upper.set(title=f"{speakers:,} speakers", ylabel="seconds", ylim=(0, None))
        for name in moments[0].replicas if moments else ():
            lower.step(at, [one.replicas[name] for one in moments], label=name, where="post")
        lower.set(xlabel="seconds", ylabel="replicas", yscale="log")
        for axes in (upper, lower):
            axes.grid(alpha=0.3)
            axes.legend(fontsize="x-small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plots.close(figure)
