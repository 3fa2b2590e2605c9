"""A run as a page to be read anywhere, and as lines for a terminal. Pure but for the drawings."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from loadtests.swarm.notes import METRICS, OWN

VERDICTS = {
    "passed": "within all limits",
    "missed": "limits were missed",
    "void": "void: the run says nothing about the server",
}
COLUMNS = ("count", "p50", "p90", "p95", "p99", "max")
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.passed { color: #166534 } .missed { color: #b91c1c } .void { color: #92400e }
figure { margin: 1.5rem 0 } svg { max-width: 100%; height: auto }
"""


def page(results: dict[str, Any], charts: Sequence[tuple[str, str]]) -> str:
    """One HTML file that needs nothing else.

    Args:
        results: as `loadtests.swarm.results.results` gives them.
        charts: titles and SVG.
    """
    verdict = results["verdict"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>Load test {escape(results['profile'])}: {verdict}</title><style>{STYLE}</style>",
        f"<h1>Load test <i>{escape(results['profile'])}</i></h1>",
        f"<p class={verdict}><b>{VERDICTS[verdict]}</b></p>",
        *(f"<p class=void>{escape(reason)}</p>" for reason in results["void"]),
        f"<p>{escape(results['load'])}.</p>",
        f"<p>{escape(_circumstances(results))}</p>",
        "<h2>Limits</h2>",
        _table(
            ("", "limit", "measured", ""),
            ((c["name"], c["limit"], c["measured"], "kept" if c["kept"] else "missed") for c in results["checks"]),
        ),
        "<h2>Times, in seconds from when the audio or the request was due</h2>",
        _table(("", *COLUMNS), _times(results["metrics"], METRICS)),
        "<h2>The load generator itself</h2>",
        _table(("", *COLUMNS), _times(results["load_generator"], OWN)),
        "<h2>Counted</h2>",
        _table(("", "number"), ((name, f"{number:g}") for name, number in results["counts"].items())),
        "<h2>Errors</h2>",
        _table(("", "number"), ((name, str(number)) for name, number in results["errors"].items()))
        if results["errors"]
        else "<p>none</p>",
        *(f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in charts),
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def lines(results: dict[str, Any]) -> str:
    """Limits and times as Markdown."""
    rows = ["| | limit | measured | |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {c['name']} | {c['limit']} | {c['measured']} | {'kept' if c['kept'] else 'MISSED'} |"
        for c in results["checks"]
    ]
    rows += ["", f"| seconds | {' | '.join(COLUMNS)} |", f"| --- {'| --- ' * len(COLUMNS)}|"]
    rows += [f"| {' | '.join(row)} |" for row in _times(results["metrics"], METRICS)]
    rows += ["", _circumstances(results), f"{results['load']}."]
    return "\n".join(rows)


def _times(metrics: dict[str, Any], names: dict[str, str]) -> list[tuple[str, ...]]:
    return [
        (names[key], *(f"{one[column]:g}" if column == "count" else f"{one[column]:.3f}" for column in COLUMNS))
        for key, one in metrics.items()
    ]


def _circumstances(results: dict[str, Any]) -> str:
    server = ", ".join(f"{key}={value}" for key, value in results["server"].items()) or "default settings"
    return (
        f"{results['lasted_s']:g} s against {results['host']} ({server}), {results['machine']}, load from "
        f"{results['generators']}; began {results['began']}."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = ["<tr>" + "".join(f"<th>{escape(cell)}" for cell in head)]
    for first, *rest in rows:
        cells.append(f"<tr><td>{escape(first)}" + "".join(f"<td class=number>{escape(cell)}" for cell in rest))
    return f"<table>{''.join(cells)}</table>"
