"""How a load test ends: figures on stdout and in a file, what is wrong with them on stderr, and the exit code."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import typer

OTHERS_LIMIT = 10.0
"""Percent of a core that others may use before the figures deserve a warning."""


def conclude(table: str, summary: dict[str, Any], out: Path | None, failed: Sequence[str]) -> NoReturn:
    """Tell the result.

    Args:
        table: for people.
        summary: the same for programs, written to ``out`` as JSON.
        failed: why the run is void or which limits it missed; ``summary["others"]``, in percent of a core, only warns.

    Raises:
        typer.Exit: always; with 1 if anything failed.
    """
    typer.echo(table)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({**summary, "failed": list(failed)}, indent=2) + "\n")
    if summary["others"] > OTHERS_LIMIT:
        typer.echo(f"others used {summary['others']:.0f} % of a core meanwhile: take the figures with care", err=True)
    for reason in failed:
        typer.echo(reason, err=True)
    raise typer.Exit(1 if failed else 0)
