"""The command: python -m loadtests.swarm ten"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from izwi import logs
from izwi.errors import IzwiError
from loadtests.swarm import report
from loadtests.swarm.profiles import PROFILES, shortened
from loadtests.swarm.progress import Progress
from loadtests.swarm.run import Order, lead, work

OUT = Path("out/loadtest")
EXIT = {"passed": 0, "missed": 1, "void": 3}
CANNOT = 2
"""Nothing could be measured; also what a wrong option gives."""
PORT = 5557
"""Locust's own for workers."""

cli = typer.Typer(add_completion=False, rich_markup_mode=None)


@cli.command()
def main(
    profile: Annotated[str, typer.Argument(help=f"One of {', '.join(PROFILES)}.")] = "smoke",
    host: Annotated[
        str | None, typer.Option(help="A running server, http://HOST:PORT, instead of a private one on loopback.")
    ] = None,
    pid: Annotated[int | None, typer.Option(help="Root process of the server at --host, for CPU and memory.")] = None,
    api_key: Annotated[str | None, typer.Option(envvar="IZWI_API_KEY", help="Where the server wants one.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Instead of the profile's length.", min=0.1)] = None,
    duty: Annotated[
        float | None,
        typer.Option(help="Instead of the share of the time in which a live user speaks.", min=0.01, max=0.95),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="What is said: a folder with manifest.json; else LibriVox.")
    ] = None,
    slack: Annotated[
        float, typer.Option(help="Times the limits of latencies, for machines known to be slower.", min=0.1)
    ] = 1.0,
    workers: Annotated[
        int, typer.Option("--master", help="Be the master of so many workers, which have the users.", min=0)
    ] = 0,
    listen: Annotated[str, typer.Option(help="Where a master listens for its workers.")] = "127.0.0.1",
    worker: Annotated[str | None, typer.Option(help="Be a worker of the master on that machine.")] = None,
    port: Annotated[int, typer.Option(help="Of the master.")] = PORT,
    out: Annotated[Path, typer.Option(help="Where reports go, in a folder per profile.")] = OUT,
    seed: Annotated[int, typer.Option(help="Of who says what when, and of luck with networks.")] = 1,
) -> None:
    """Let Locust's users at a server, judge it, and write report.html, results.json and locust.html.

    \b
    Ends with
      0  within all limits
      1  limits were missed, sessions lost, or errors
      2  nothing could be measured, or a wrong option
      3  void: this machine could not send in time, or the run was broken off

    \b
    Examples:
      python -m loadtests.swarm smoke
      python -m loadtests.swarm soak --minutes 20
      python -m loadtests.swarm ten --minutes 3 --duty 0.4       # how much more fits?
      python -m loadtests.swarm ten --host http://speech.example:8000 --api-key KEY
      python -m loadtests.swarm hundred --host http://10.0.0.5:8000 --master 2 --listen 0.0.0.0
      python -m loadtests.swarm --worker 10.0.0.4        # on two other machines
    """
    logs.configure("warning", human=True)
    console = Console(stderr=True)
    if profile not in PROFILES:
        raise typer.BadParameter(f"there are {', '.join(PROFILES)}", param_hint="PROFILE")
    if worker is not None and workers:
        raise typer.BadParameter("a process is a master or a worker", param_hint="--worker")
    progress = Progress(console)
    try:
        if worker is not None:
            progress.tell(f"worker of {worker}:{port}")
            work((worker, port), api_key, folder, out)
            return
        plan = PROFILES[profile] if minutes is None else shortened(PROFILES[profile], 60 * minutes)
        plan = plan if duty is None else replace(plan, duty=duty)
        order = Order(profile, plan, host, pid, api_key, folder, out / profile, seed, slack, workers, (listen, port))
        found = lead(order, progress.tell)
    except (IzwiError, TimeoutError, ConnectionError) as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(CANNOT) from None
    finally:
        progress.close()
    typer.echo(report.lines(found))
    for reason in found["void"]:
        typer.echo(f"VOID {reason}", err=True)
    for check in found["checks"]:
        if not check["kept"]:
            typer.echo(f"MISSED {check['name']}: {check['measured']}, limit {check['limit']}", err=True)
    typer.echo(f"{report.VERDICTS[found['verdict']]}; see {order.out / 'report.html'}")
    raise typer.Exit(EXIT[found["verdict"]])
