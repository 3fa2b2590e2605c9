"""Figures of load tests as text. Pure."""

from collections.abc import Sequence
from typing import Any

DELAYS = {
    "first_partial_s": ("first partial after onset", ("p50", "p95")),
    "word_shown_s": ("word shown", ("p50", "p95", "p99")),
    "word_committed_s": ("word committed", ("p50", "p95", "p99")),
    "final_lag_s": ("final after speech", ("p50", "p95")),
    "translated_s": ("translation after clause", ("p50", "p95")),
    "first_audio_s": ("first audio after clause", ("p50", "p95")),
}
"""Delays in seconds: their names for people, and the percentiles that the table shows."""
LEVELS = ("normal", "stretched", "captions_only")
"""How far the server degraded, least first."""
_FIGURES = {
    "wer": "WER, %",
    "offline_wer": "offline WER, %",
    "erasure": "erasure",
    "asr_rtf": "ASR RTF",
    "cpu_cores": "server CPU, cores",
    "bench_cores": "bench CPU, cores",
    "rss_mb": "server RSS, MB",
}


def line(row: dict[str, Any]) -> str:
    """One run in one line, for people who watch."""
    delays = "  ".join(f"{name} {_some(row[key])}" for key, (name, _) in DELAYS.items() if row[key]["p50"] is not None)
    text = f"{row['direction']}, {row['speakers']} speakers: {delays}  WER {_cell(row['wer'])} % (offline "
    text += f"{_cell(row['offline_wer'])} %)  erasure {_cell(row['erasure'])}  server {_cell(row['cpu_cores'])} cores"
    return "  ".join([text, *remarks(row)])


def remarks(row: dict[str, Any]) -> list[str]:
    """What else a reader has to know of a run; empty for a clean one."""
    level = max((LEVELS.index(level) for level in row["load"]["events"] if level in LEVELS), default=0)
    found = {
        f"{row['refused']} refused": row["refused"],
        f"load: {LEVELS[level]}, an update every {row['load']['max_update_ms']} ms": level,
        f"{row['merged_speech']} clauses spoken together with others": row["merged_speech"],
        f"{row['skipped_speech']} clauses not spoken": row["skipped_speech"],
        f"{row['held_chunks']} chunks held back by the server": row["held_chunks"],
        f"{row['dropped_chunks']} chunks never sent": row["dropped_chunks"],
        f"errors: {', '.join(f'{count} {code}' for code, count in row['errors'].items())}": row["errors"],
        f"VOID: {row['late_chunks']} late chunks, client up to {row['client_lag_s']} s late": row["void"],
    }
    return [text for text, there in found.items() if there]


def table(summary: dict[str, Any]) -> str:
    """All runs as Markdown, one table per direction; the delays that nothing has are left out."""
    parts = []
    for direction in dict.fromkeys(row["direction"] for row in summary["runs"]):
        rows = [row for row in summary["runs"] if row["direction"] == direction]
        parts += [f"### {title(direction)}", "", *_table(rows), ""]
    note = f"{summary['machine']}; Whisper {summary['model']}; {summary['seconds_per_speaker']:g} s per speaker"
    return "\n".join([*parts, note, ""])


def title(direction: str) -> str:
    """``en`` are captions, ``en-es`` is a translation."""
    source, _, target = direction.partition("-")
    return f"{source} → {target}" if target else f"{source}, captions"


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    shown = {key: named for key, named in DELAYS.items() if any(row[key]["p50"] is not None for row in rows)}
    head = ["speakers", *(f"{name} {' / '.join(which)}, s" for name, which in shown.values())]
    head += [*_FIGURES.values(), "remarks"]
    cells = [
        [
            f"{row['speakers']} (void)" if row["void"] else str(row["speakers"]),
            *(_some(row[key], which) for key, (_, which) in shown.items()),
            *(_cell(row[key]) for key in _FIGURES),
            "; ".join(remarks(row)) or "–",
        ]
        for row in rows
    ]
    return [f"| {' | '.join(part)} |" for part in (head, ["---"] * len(head), *cells)]


def _some(values: dict[str, float | None], which: Sequence[str] = ("p50", "p95")) -> str:
    return "–" if values["p50"] is None else " / ".join(f"{values[name]:.2f}" for name in which)


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
