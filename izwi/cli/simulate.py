"""`izwi simulate`: how a server of many replicas fares while speakers come, and the autoscaler follows."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from izwi.capacity import costs, speech
from izwi.capacity.autoscaling import PRODUCTION
from izwi.capacity.course import course
from izwi.capacity.plan import Demand, Plan, Provision, plan
from izwi.capacity.price import Prices
from izwi.capacity.scenario import Moment, Scenario, Servers
from izwi.capacity.simulation.run import simulate
from izwi.capacity.speech import Speech
from izwi.cli.outputs import to_json
from izwi.cli.plan import (
    CostsOption,
    DutyOption,
    LanguageOption,
    ModelOption,
    SpeechOption,
    TargetOption,
    default_update_s,
    priced_for,
    settings_of,
)
from izwi.cli.stream import stderr
from izwi.errors import ModelMissing
from izwi.messages import SessionStart
from izwi.settings import Settings

EXAMPLES = """Examples:

[bold]izwi simulate --speakers 40 --ramp 30 --seconds 90[/]

[bold]IZWI_PROFILE=cloud izwi simulate --speakers 100,1000,10000,100000 --duty 0.6[/]

[bold]izwi simulate --speakers 500 --fixed --flow --plot out/course.png[/]
"""

CALLS_LIMIT = 10_000
"""Seconds of all speakers together that are simulated call by call unless told otherwise: half a minute's work."""
MOMENTS = 15
"""Rows of a course, about."""


def command(
    speakers: Annotated[str, typer.Option(help="Sessions; several numbers with commas between them for a sweep.")],
    seconds: Annotated[float, typer.Option(help="How long each of them stays.", min=10)] = 300.0,
    ramp: Annotated[float, typer.Option(help="Seconds within which they come.", min=1)] = 60.0,
    language: LanguageOption = "en",
    target: TargetOption = None,
    speech_: SpeechOption = True,
    duty: DutyOption = 1.0,
    fixed: Annotated[
        bool, typer.Option("--fixed", help="The replicas of `izwi plan` from the beginning; else one of each, scaled.")
    ] = False,
    max_replicas: Annotated[
        int | None,
        typer.Option(help="Of each deployment; as many as `izwi plan` has, and 10 at least, otherwise.", min=1),
    ] = None,
    node_start: Annotated[float, typer.Option(help="Seconds until a node is there for a new replica.", min=0)] = 0.0,
    flow: Annotated[
        bool | None, typer.Option("--flow/--calls", help="As a flow, or call by call; by size if neither is given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Who comes when and says what.")] = 1,
    model: ModelOption = None,
    costs_: CostsOption = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the courses into this file; needs matplotlib.")] = None,
) -> None:
    """Let speakers come within a ramp, and show delays and replicas while Serve's autoscaler follows.

    Sessions run the server's own code in simulated time; beyond a few dozen they are seen as a flow. Replicas scale as
    serve_config.yaml says, up to --max-replicas; call by call, those of the ingress are there from the beginning.
    """
    settings = settings_of(model)
    said = speech.shipped()
    priced = priced_for(costs.read(costs_), settings, costs.CPU, language, target, speech_)
    courses: dict[int, Sequence[Moment]] = {}
    for count in _counts(speakers):
        scenario = Scenario(count, seconds, ramp, duty, seed)
        planned = plan(Demand(count, duty, default_update_s(settings)), Provision(), priced, said, settings)
        by_flow = flow if flow is not None else count * seconds > CALLS_LIMIT
        servers = _servers(planned, fixed, max_replicas, node_start)
        if not by_flow:  # a session stays where it began: ingresses that come later would not help it
            servers = replace(servers, replicas={**servers.replicas, "ingress": planned.needs[0].replicas})
        with stderr().status(f"{count:,} speakers, {'as a flow' if by_flow else 'call by call'}"):
            start = SessionStart(source_language=language, target_language=target, speech=speech_)
            courses[count] = _course(scenario, servers, priced, settings, said, start, by_flow)
    if plot is not None:
        _plot(courses, plot)
    if json:
        typer.echo(to_json([{"speakers": count, "moments": [asdict(one) for one in found]}
                            for count, found in courses.items()]))  # fmt: skip
        return
    _print(courses, settings, fixed)


def _counts(speakers: str) -> list[int]:
    try:
        counts = [int(part) for part in speakers.split(",")]
    except ValueError:
        raise typer.BadParameter("numbers with commas between them, please", param_hint="--speakers") from None
    if any(not 1 <= count <= 10_000_000 for count in counts):
        raise typer.BadParameter("between 1 and 10,000,000", param_hint="--speakers")
    return counts


def _servers(planned: Plan, fixed: bool, max_replicas: int | None, node_start_s: float) -> Servers:
    needed = {need.deployment: need.replicas for need in planned.needs}
    if fixed:
        return Servers(replicas={name: min(count, max_replicas or count) for name, count in needed.items()})
    scaling = {
        name: replace(scaling, max_replicas=max_replicas or max(scaling.max_replicas, needed.get(name, 1)))
        for name, scaling in PRODUCTION.items()
    }
    return Servers(scaling=scaling, node_start_s=node_start_s)


def _course(
    scenario: Scenario,
    servers: Servers,
    priced: Prices,
    settings: Settings,
    said: Speech,
    start: SessionStart,
    by_flow: bool,
) -> Sequence[Moment]:
    if by_flow:
        return list(course(scenario, servers, priced, settings, said, max(1.0, scenario.length_s / MOMENTS)))
    return simulate(scenario, servers, priced, settings, said.clips, start).moments


def _print(courses: dict[int, Sequence[Moment]], settings: Settings, fixed: bool) -> None:
    console = Console(highlight=False)
    if len(courses) == 1:
        (found,) = courses.values()
        console.print(_table(found, "s", [f"{one.at_s:.0f}" for one in found]))
    else:
        fullest = {count: _fullest(found) for count, found in courses.items()}
        console.print("while the most were there, at the end of that time:")
        console.print(_table(list(fullest.values()), "speakers", [f"{count:,}" for count in fullest]))
    target = PRODUCTION["ingress"].target_ongoing_requests
    if not fixed and settings.max_concurrent_sessions <= target:
        console.print(
            f"an ingress replica takes {settings.max_concurrent_sessions} sessions and Serve starts another one at "
            f"{target:g}: it never does. IZWI_PROFILE=cloud, or IZWI_MAX_CONCURRENT_SESSIONS, makes them fit"
        )


def _fullest(found: Sequence[Moment]) -> Moment:
    """The last moment with the most sessions."""
    return max(found, key=lambda one: (one.sessions, one.at_s))


def _table(moments: Sequence[Moment], what: str, names: Sequence[str]) -> Table:
    deployments = list(moments[0].replicas) if moments else []
    shown = Table(box=None, pad_edge=False)
    for name in (what, "sessions", "told to wait", *deployments, "word shown p50, s", "p95, s"):
        shown.add_column(name, justify="right")
    for name, one in zip(names, moments, strict=True):
        counts = [f"{one.replicas[deployment]:,}" for deployment in deployments]
        delays = ["-" if delay is None else f"{delay:.2f}" for delay in (one.shown_p50_s, one.shown_p95_s)]
        shown.add_row(name, f"{one.sessions:,}", f"{one.refused:,}", *counts, *delays)
    return shown


def _plot(courses: dict[int, Sequence[Moment]], path: Path) -> None:
    try:
        from izwi.capacity.drawing import draw
    except ImportError:
        raise ModelMissing("--plot needs matplotlib: pip install 'izwi[bench]'") from None
    draw(courses, path)
