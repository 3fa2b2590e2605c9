"""Many speakers at once on this machine: how late their words are, how right, and what it costs.

python -m loadtests.bench --speakers 1,2,4,8 --seconds 40
"""

import asyncio
import json
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from izwi.errors import IzwiError
from izwi.server_process import running_server
from loadtests import corpus, ramp, report
from loadtests.adapters.conversation import PROTOCOLS
from loadtests.process import going_first
from loadtests.ramp import Speech, Target
from loadtests.reference import references

WARM_UP_S = 8.0
"""Speech of one speaker before each direction, not reported: first calls load voices and fill caches."""
ATTEMPTS = 2
"""At a run: one that is void says nothing."""
OVERHEAD_S = 6.0
"""What a run takes beyond its speech, for the progress bar only."""

cli = typer.Typer(add_completion=False, rich_markup_mode=None)


@cli.command()
def main(
    directions: Annotated[
        str, typer.Option(help="en or es for captions, en-es for a translation; in this order.")
    ] = "en,en-es,es-en",
    speakers: Annotated[str, typer.Option(help="Speakers with captions only, one run each.")] = "1,2,4,8,12,16,24,32",
    translated: Annotated[str, typer.Option(help="Speakers with translation and speech.")] = "1,2,4",
    seconds: Annotated[float, typer.Option(help="Speech per speaker and run.", min=1)] = 40.0,
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="English clips: a folder with manifest.json; else LibriVox.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    protocol: Annotated[str, typer.Option(help=f"What the server speaks: {', '.join(PROTOCOLS)}.")] = "izwi",
    pid: Annotated[int | None, typer.Option(help="Process of the server at --url, for its CPU and memory.")] = None,
    model: Annotated[str, typer.Option(help="Whisper model whose offline pass is the reference.")] = "base",
    out: Annotated[Path, typer.Option(help="Where figures and plots go.")] = Path("out/bench"),
    seed: Annotated[int, typer.Option(help="Who says what.")] = 1,
) -> None:
    """Ramp up speakers and report delays, accuracy and cost: captions first, then translations both ways.

    Everybody talks at real-time pace. Writes summary.json, table.md, delays.png and delays.svg. A run that is void
    (this machine was too slow to send in time) is made once more. Ends with 1 if it is void again or a run had errors;
    sessions refused for lack of room are no errors.

    \b
    Examples:
      python -m loadtests.bench
      python -m loadtests.bench --directions en --speakers 1,8 --seconds 25
      python -m loadtests.bench --directions es-en --translated 1,2
      python -m loadtests.bench --directions en --protocol whisperlivekit --url ws://127.0.0.1:8000 --pid 4711
    """
    plan = _plan(directions, speakers, translated)
    _check(plan, protocol, url)
    console = Console(stderr=True)
    rows: list[dict[str, Any]] = []
    try:
        with ExitStack() as stack:
            status = stack.enter_context(console.status("clips"))
            told = {direction: _speech(direction, folder, out, model, status.update) for direction, _ in plan}
            target = _target(stack, url, protocol, pid, out, status.update)
            status.stop()
            with _progress(console, plan, seconds) as (progress, task):
                for direction, counts in plan:
                    asyncio.run(ramp.run(target, told[direction], 1, WARM_UP_S, seed))
                    for count in counts:
                        progress.update(task, description=f"{report.title(direction)}, {count} speakers")
                        for _ in range(ATTEMPTS):
                            run = _ticking(progress, task, target, told[direction], count, seconds, seed)
                            row = asyncio.run(run)
                            progress.console.print(report.line(row), markup=False, highlight=False, soft_wrap=True)
                            if not row["void"]:
                                break
                        rows.append(row)
    except IzwiError as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(2) from None
    finally:
        if rows:
            summary = _summary(rows, model, seconds, seed, protocol)
            _write(summary, out)
            typer.echo(report.table(summary))
    _judge(rows)


def _plan(directions: str, speakers: str, translated: str) -> list[tuple[str, list[int]]]:
    """Each direction with its numbers of speakers."""
    try:
        return [
            (direction, [int(part) for part in (translated if "-" in direction else speakers).split(",")])
            for direction in directions.split(",")
        ]
    except ValueError as error:
        raise typer.BadParameter(f"numbers with commas between them, please: {error}") from None


def _check(plan: list[tuple[str, list[int]]], protocol: str, url: str | None) -> None:
    if protocol not in PROTOCOLS:
        raise typer.BadParameter(f"there are {', '.join(PROTOCOLS)}", param_hint="--protocol")
    if protocol != "izwi" and any("-" in direction for direction, _ in plan):
        raise typer.BadParameter(
            f"{protocol} is measured with captions only: --directions en", param_hint="--directions"
        )
    if protocol == "whisperlivekit" and url is None:
        raise typer.BadParameter("a private server is Izwi; name another one", param_hint="--url")


def _speech(direction: str, folder: Path | None, out: Path, model: str, tell: Any) -> Speech:
    source, _, target = direction.partition("-")
    tell(f"speech in {source}")
    clips = corpus.speech(source, folder, out)
    tell(f"careful offline pass over the speech in {source}")
    return Speech(
        source, target or None, clips, references(clips, source, out / f"reference-{model}-{source}.json", model)
    )


def _target(stack: ExitStack, url: str | None, protocol: str, pid: int | None, out: Path, tell: Any) -> Target:
    if url is None:
        tell("private server")
        target = Target(stack.enter_context(running_server(out / "server.log", tell)), protocol, private=True)
    else:
        target = Target(url, protocol, pid=pid)
    stack.enter_context(going_first())
    return target


@contextmanager
def _progress(console: Console, plan: list[tuple[str, list[int]]], seconds: float) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    total = sum(len(counts) for _, counts in plan) * (seconds + OVERHEAD_S)
    # Twice a second: drawing costs CPU that the server under test needs.
    with Progress(*columns, console=console, refresh_per_second=2) as progress:
        yield progress, progress.add_task("warm-up", total=total)


async def _ticking(progress: Progress, task: TaskID, *run: Any) -> dict[str, Any]:
    """A run during which the bar moves, at most by what the run is expected to take."""
    running = asyncio.create_task(ramp.run(*run))
    for _ in range(round(run[3] + OVERHEAD_S)):
        await asyncio.wait([running], timeout=1.0)  # returns at once when the run is over: the bar jumps
        progress.advance(task)
    return await running


def _summary(rows: list[dict[str, Any]], model: str, seconds: float, seed: int, protocol: str) -> dict[str, Any]:
    machine = f"{psutil.cpu_count()} cores, {platform.machine()}, {psutil.virtual_memory().total / 1e9:.0f} GB"
    return {
        "machine": machine,
        "protocol": protocol,
        "model": model,
        "seconds_per_speaker": seconds,
        "seed": seed,
        "runs": rows,
    }


def _write(summary: dict[str, Any], out: Path) -> None:
    from loadtests.plots import plot

    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    (out / "table.md").write_text(report.table(summary))
    plot(summary, out)


def _judge(rows: list[dict[str, Any]]) -> None:
    """Say which runs cannot be used.

    Raises:
        typer.Exit: there are some.
    """
    bad = {
        "void, because chunks left late": [row for row in rows if row["void"]],
        "not clean, because sessions had errors": [row for row in rows if row["errors"] or row["dropped_chunks"]],
    }
    for what, which in bad.items():
        if which:
            names = ", ".join(f"{row['direction']} with {row['speakers']}" for row in which)
            typer.echo(f"{what}: {names}", err=True)
    if any(bad.values()):
        raise typer.Exit(1)


if __name__ == "__main__":
    cli()
