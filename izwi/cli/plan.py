"""`izwi plan`: replicas, cores and nodes for so many speakers, from measured costs."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from izwi.capacity import costs, speech
from izwi.capacity.bounds import fragment
from izwi.capacity.costs import CostTable
from izwi.capacity.flow import idle_period_s
from izwi.capacity.plan import Demand, Plan, Provision, plan
from izwi.capacity.price import Prices, prices
from izwi.cli.outputs import to_json
from izwi.errors import ProtocolViolation
from izwi.load import STRETCHED
from izwi.settings import Settings

EXAMPLES = """Examples:

[bold]izwi plan --speakers 1000 --language en --target es[/]

[bold]izwi plan --speakers 200 --duty 0.5 --update 1.0 --node-cores 32[/]

[bold]izwi plan --speakers 50 --word-delay 1.5 --costs out/costs/costs.toml --json[/]

Costs are those of the machine that the table names; python -m loadtests.costs, in the repository, measures your own.
"""

LanguageOption = Annotated[str, typer.Option(help="Spoken, ISO 639-1.")]
TargetOption = Annotated[str | None, typer.Option(help="Translated into; captions only if not given.")]
SpeechOption = Annotated[bool, typer.Option("--speech/--no-speech", help="Whether the translation is spoken.")]
DutyOption = Annotated[float, typer.Option(help="Share of the time in which each of them speaks.", min=0.01, max=1)]
CostsOption = Annotated[
    Path | None, typer.Option("--costs", help="A cost table of your own; its rows replace those that come with Izwi.")
]
ModelOption = Annotated[str | None, typer.Option(help="Whisper model; IZWI_ASR__MODEL otherwise.")]
DeviceOption = Annotated[str, typer.Option(help="Where recognition runs: cpu, or cuda with --costs of your own.")]


def command(
    speakers: Annotated[int, typer.Option(help="Sessions open at once.", min=1, max=10_000_000)],
    language: LanguageOption = "en",
    target: TargetOption = None,
    speech_: SpeechOption = True,
    duty: DutyOption = 1.0,
    update: Annotated[
        float | None,
        typer.Option(
            help="Seconds between two updates of somebody who speaks; twice the wanted ones otherwise.", min=0.05
        ),
    ] = None,
    word_delay: Annotated[
        float | None, typer.Option(help="Seconds after which 95 % of the words are to be seen.", min=0.05)
    ] = None,
    utilisation: Annotated[
        float, typer.Option(help="Share of the workers' time that is planned with.", min=0.05, max=1)
    ] = 0.7,
    node_cores: Annotated[int, typer.Option(help="Cores of a node.", min=1)] = 16,
    node_memory: Annotated[float, typer.Option(help="Memory of a node, GB.", min=1)] = 64.0,
    node_gpus: Annotated[int, typer.Option(help="Cards of a node.", min=0)] = 0,
    model: ModelOption = None,
    device: DeviceOption = "cpu",
    costs_: CostsOption = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Say how many cores, replicas and nodes so many speakers need, and how late words then are.

    The settings in force count as well: IZWI_PROFILE, IZWI_ASR__BATCH, IZWI_MAX_CONCURRENT_SESSIONS. Exits with 2 where
    something was not measured, or cannot be reached with any number of replicas.
    """
    settings = settings_of(model)
    table = costs.read(costs_)
    priced = priced_for(table, settings, device, language, target, speech_)
    wanted_s = update if update is not None else default_update_s(settings)
    demand = Demand(speakers, duty, wanted_s, word_delay)
    provision = Provision(utilisation, node_cores, node_memory, node_gpus)
    made = plan(demand, provision, priced, speech.shipped(), settings)
    if json:
        typer.echo(to_json({"machine": table.machine.model_dump(), **asdict(made)}))
    else:
        _print(made, table, settings, device)


def settings_of(model: str | None) -> Settings:
    """Those in force, with another model."""
    settings = Settings()
    if model is None:
        return settings
    return settings.model_copy(update={"asr": settings.asr.model_copy(update={"model": model})})


def default_update_s(settings: Settings) -> float:
    """Updates that come further apart are called stretched, and clients are told (`izwi.load`); but never what whole
    chunks of audio do not allow."""
    return max(STRETCHED * settings.session.update_ms / 1000, 1.25 * idle_period_s(settings))


def priced_for(
    table: CostTable, settings: Settings, device: str, language: str, target: str | None, speech_: bool
) -> Prices:
    """Raises `NotMeasured`, with what there is."""
    if device not in (costs.CPU, costs.CUDA):
        raise ProtocolViolation(f"--device is cpu or cuda, not {device}")
    if device == costs.CUDA and not any(row.device == costs.CUDA for row in table.asr):
        raise costs.not_measured("no GPU was at hand: recognition on cuda")
    return prices(table, settings, device, language, target, speech_)


def _print(made: Plan, table: CostTable, settings: Settings, device: str) -> None:
    console = Console(highlight=False)
    demand, flow, machine = made.demand, made.flow, table.machine
    console.print(
        f"[bold]{demand.speakers:,} sessions[/], speaking {100 * demand.duty:.0f} % of the time; "
        f"recognition by {settings.asr.model} on {device}, planned at {100 * made.provision.utilisation:.0f} %"
    )
    shown = Table("deployment", box=None, pad_edge=False)
    for name in ("replicas", "calls/s", "in use", "cores", "GPUs", "GB"):
        shown.add_column(name, justify="right")
    shown.add_column("because", overflow="fold")
    for need in made.needs:
        shown.add_row(
            need.deployment,
            f"{need.replicas:,}",
            f"{need.calls_per_s:.1f}" if need.calls_per_s else "-",
            f"{need.used:.1f}",
            f"{need.cores:.1f}",
            f"{need.gpus:.1f}" if need.gpus else "-",
            f"{need.memory_gb:.1f}",
            escape(need.why),
        )
    console.print(shown)
    console.print(
        f"in all [bold]{made.cores:,.0f} cores, {made.memory_gb:,.0f} GB"
        f"{f', {made.gpus} GPUs' if made.gpus else ''}[/] on [bold]{made.nodes:,} nodes[/] of "
        f"{made.provision.node_cores} cores and {made.provision.node_memory_gb:g} GB: "
        f"{made.speakers_per_core:.2f} sessions a core"
    )
    console.print(
        f"words are seen {flow.shown_p50_s:.2f} s after they were said, 95 % within {flow.shown_p95_s:.2f} s; "
        f"transcripts are final {flow.final_p50_s:.2f} s after the end of speech"
    )
    console.print(f"costs: {machine.name}, {machine.cores} cores, measured {machine.run}")
    if table.machine.cores < made.provision.node_cores:
        console.print("a core of a larger node may be slower: they share its memory. Measure one before you buy many.")
    if made.settings:
        console.print("\n".join(f"{name}={value}" for name, value in made.settings.items()))
    else:
        console.print(escape(fragment(made)), soft_wrap=True)
