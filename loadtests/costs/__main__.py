"""Measures what `izwi plan` counts with, on this machine, and what the simulation is checked with.

python -m loadtests.costs --check --write
"""

import asyncio
import platform
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

import izwi.capacity
from deployments.asr.faster_whisper import FasterWhisper
from izwi import logs
from izwi.capacity.costs import COSTS, KEYS, CostTable, Machine
from izwi.errors import IzwiError
from loadtests import corpus
from loadtests.corpus import Clip
from loadtests.costs import compared, engines, examples, files, hindsight, server
from loadtests.costs.speed import Speed, drifted
from loadtests.first_audio import ENGLISH
from loadtests.ramp import Speech
from loadtests.reference import references
from loadtests.server import serving
from loadtests.spanish import SENTENCES as SPANISH

SPEAKERS = (1, 2, 4, 8)
SILENT = 8
SILENT_S = 12.0
WARM_UP_S = 8.0
SEED = 1
PACKAGE = Path(izwi.capacity.__file__).parent

cli = typer.Typer(add_completion=False, rich_markup_mode=None)
console = Console(stderr=True)
Measured = dict[str, list[Any]]
"""Rows by section."""


@cli.command()
def main(
    models: Annotated[str, typer.Option(help="Whisper models; the first one is checked.")] = "base,tiny.en",
    check: Annotated[bool, typer.Option("--check", help="Also measure a server and a short bench on it.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Replace the files in the package, and examples in docs; needs --check.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Speech per speaker of the bench.", min=5)] = 30.0,
    out: Annotated[Path, typer.Option(help="Where the table and the server's log go.")] = Path("out/costs"),
) -> None:
    """Print each stage's costs, and write them to a file for `izwi plan --costs`: four minutes, or ten with --check.

    With --check 1, 2, 4 and 8 speakers talk to a private server, and what the simulation makes of the table is compared
    with what they saw: unit tests fail where it is more than 15 % off. Other work on the machine spoils all figures.

    \b
    Examples:
      python -m loadtests.costs --models base
      python -m loadtests.costs --check --write
    """
    if write and not check:
        raise typer.BadParameter("the table and the bench must be of one run: --check --write")
    logs.configure("warning", human=True)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with console.status("") as status:
            table, speech, rows = _measure(models.split(","), check, seconds, out, status.update)
    except IzwiError as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    _print(table)
    (out / COSTS).write_text(files.toml(table), "utf-8")
    written = [out / COSTS]
    if check:
        written += files.write(out, table, speech, rows, seconds, SEED)[1:]
        if write:
            written += [*files.write(PACKAGE, table, speech, rows, seconds, SEED), *examples.rewrite()]
        typer.echo(compared.table(table, speech, rows, seconds, SEED))
    for path in written:
        typer.echo(f"wrote {path}")


def _measure(
    models: list[str], check: bool, seconds: float, out: Path, tell: Callable[[str], None]
) -> tuple[CostTable, Any, list[dict[str, Any]]]:
    tell("clips, and a careful offline pass over them")
    clips = corpus.speech("en", None, out)
    known = references(clips, "en", out / f"reference-{models[0]}-en.json", models[0])
    rows: Measured = {section: [] for section in KEYS}
    speed = Speed(FasterWhisper(engines.settings_for(models[0])), "en", clips)
    crowding = _engines(rows, models, clips, known, speed, tell)
    machine = Machine(
        name=_processor(),
        cores=psutil.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        run=datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        crowding=crowding,
        idle_cores=0.0,
        echo_s=0.0,
    )
    bench: list[dict[str, Any]] = []
    if check:
        starts = _starts(models[0], tell)
        told = Speech("en", None, clips, known)
        with serving(None, None, out / "server.log", tell) as private:
            found, bench = asyncio.run(_serve(private, told, rows, seconds, speed, tell))
            rows["asr"] = drifted(rows["asr"], speed.drift)
            rows["replica"] += server.replicas(private, models[0], starts)
        machine = machine.model_copy(update=found)
    table = CostTable(machine=machine, **{section: tuple(found) for section, found in rows.items()})
    if check:
        console.print(f"passes took {speed.drift:.2f} times as long beside the bench as beside the table: set right")
    return table, files.speech(machine, "en", hindsight.spoken(clips, known)), server.kept(bench)


def _engines(
    rows: Measured, models: list[str], clips: list[Clip], known: Any, speed: Speed, tell: Callable[[str], None]
) -> float:
    """All that needs no server; returns how much workers slow one another."""
    crowding = 1.0
    for model in models:
        tell(f"passes of {model}")
        settings = engines.settings_for(model)
        engine = FasterWhisper(settings)
        speed.beside_table()
        rows["asr"] += engines.asr(engine, model, "en", clips)
        speed.beside_table()
        if model == models[0]:
            crowding = engines.crowding(engine, "en", clips, settings.asr.workers)
        tell(f"what {model} has to hear after a word")
        rows["hindsight"].append(hindsight.measure(engine, model, "en", clips, known))
        del engine
    tell("detector, translation and synthesis")
    rows["vad"].append(engines.vad(clips))
    rows["mt"] += [engines.mt("en", "es", ENGLISH), engines.mt("es", "en", SPANISH)]
    rows["tts"] += [engines.tts("piper", "en", ENGLISH), engines.tts("kokoro", "es", SPANISH[:5])]
    return crowding


def _starts(model: str, tell: Callable[[str], None]) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in ("vad", "asr", "mt", "tts"):
        tell(f"start of {stage}")
        found[stage] = engines.start_s(stage, model)
    return {**found, "ingress": found["mt"]}  # neither has a model to load


async def _serve(
    private: Any, told: Speech, rows: Measured, seconds: float, speed: Speed, tell: Callable[[str], None]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """What is known of the machine by its server, and the bench's rows."""
    tell("idle server")
    idle = await server.watch_idle(private)
    tell(f"{SILENT} silent streams")
    silent = await server.watch_silence(private, SILENT, SILENT_S)
    rows["stream"] += server.streams(idle, silent, SILENT, SILENT * silent.seconds, speaking=False)
    tell("a lone speaker")
    await server.bench(private, told, 1, WARM_UP_S, SEED)
    echo_s = await server.echo_s(private, told.clips)
    bench: list[dict[str, Any]] = []
    for speakers in SPEAKERS:
        await asyncio.to_thread(speed.beside_bench)
        tell(f"{speakers} speakers")
        row, used = await server.bench(private, told, speakers, seconds, SEED)
        if row["void"]:
            raise IzwiError(f"this machine was too busy to send the audio of {speakers} speakers in time")
        open_s = server.stream_s(told, speakers, seconds, SEED)
        rows["stream"] += server.streams(idle, used, speakers, open_s, speaking=True)
        bench.append(row)
    await asyncio.to_thread(speed.beside_bench)
    return {"idle_cores": round(idle.server_total / 100, 3), "echo_s": echo_s}, bench


def _print(table: CostTable) -> None:
    terminal = Console()
    machine = table.machine
    terminal.print(f"{machine.name}, {machine.cores} cores, {machine.memory_gb:g} GB; {machine.run}", highlight=False)
    terminal.print(f"crowding {machine.crowding:g}, idle server {machine.idle_cores:g} cores", highlight=False)
    for section in KEYS:
        rows = [row.model_dump() for row in getattr(table, section)]
        if not rows:
            continue
        shown = Table(*rows[0], title=section, title_justify="left", box=None, pad_edge=False)
        for row in rows:
            shown.add_row(*(_cell(value) for value in row.values()))
        terminal.print(shown)


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{one:.2f}" for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


if __name__ == "__main__":
    cli()
