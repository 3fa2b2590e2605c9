"""Figures of load tests as text, table and plots. Pure but for writing the plots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

DELAYS = {
    "word_shown_s": "word shown",
    "word_committed_s": "word committed",
    "final_lag_s": "final after speech",
    "first_audio_s": "first audio after clause",
}


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 in the values' unit, None where there are no values."""
    if not values:
        return {"p50": None, "p95": None, "p99": None}
    return {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (50, 95, 99)}


def line(row: dict[str, Any]) -> str:
    """One run in one line, for people who watch."""
    delays = "  ".join(f"{name} {_pair(row[key])}" for key, name in DELAYS.items() if row[key]["p50"] is not None)
    return f"{row['speakers']:3} speakers: {delays}  WER {row['wer']} %  CPU {row['cpu_cores']} cores"


def table(summary: dict[str, Any]) -> str:
    """All runs as a Markdown table."""
    head = ["speakers", *(f"{name} p50 / p95, s" for name in DELAYS.values())]
    head += ["WER, %", "erasure", "ASR RTF", "passes/s", "CPU, cores", "RSS, MB", "errors"]
    rows = [
        [
            str(row["speakers"]),
            *(_pair(row[key]) for key in DELAYS),
            *(str(row[key]) for key in ("wer", "erasure", "asr_rtf", "asr_passes_per_s", "cpu_cores", "rss_mb")),
            str(len(row["errors"])),
        ]
        for row in summary["runs"]
    ]
    lines = [" | ".join(cells) for cells in (head, ["---"] * len(head), *rows)]
    note = f"{summary['machine']}; Whisper {summary['model']}, offline WER {summary['offline_wer']} %"
    return "\n".join([f"| {text} |" for text in lines] + ["", note, ""])


def plot(summary: dict[str, Any], folder: Path) -> None:
    """Delays over the number of speakers, as ``delays.png`` and ``delays.svg``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    runs = summary["runs"]
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for key, name in DELAYS.items():
        points = [(run["speakers"], run[key]["p50"], run[key]["p95"]) for run in runs if run[key]["p50"] is not None]
        if points:
            count, middle, high = zip(*points, strict=True)
            (drawn,) = axes.plot(count, middle, marker="o", label=f"{name}, p50")
            axes.plot(count, high, marker="o", linestyle="--", color=drawn.get_color(), label="p95")
    axes.set(xlabel="speakers", ylabel="seconds", title="Delay by number of speakers", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(ncols=2, fontsize="small")
    for kind in ("png", "svg"):
        figure.savefig(folder / f"delays.{kind}", dpi=150)
    pyplot.close(figure)


def _pair(values: dict[str, float | None]) -> str:
    return "–" if values["p50"] is None else f"{values['p50']:.2f} / {values['p95']:.2f}"
