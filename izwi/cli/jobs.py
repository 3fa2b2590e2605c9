"""`izwi jobs`: the jobs of this key, and what to do with them."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from izwi.cli.job import OutOption, ServerOption, client, follow, form_of
from izwi.cli.outputs import to_json

app = typer.Typer(
    help="Jobs on a running server: list, show, wait for, cancel, try again, remove.",
    epilog="Example: [bold]izwi jobs list[/]",
    no_args_is_help=True,
)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Its id, as `izwi jobs list` shows it.")]


@app.command("list", epilog="Example: [bold]izwi jobs list --json[/]")
def list_(
    url: ServerOption = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """The newest jobs, newest first."""
    with client(url) as jobs:
        found = jobs.newest()
    if json:
        typer.echo(to_json(found))
        return
    table = Table("job", "name", "status", "done", "of", "made", box=None, pad_edge=False)
    for job in found:
        table.add_row(job["id"], job["name"], _status(job), _seconds(job["done_s"]), _seconds(job["duration_s"]),
                      job["created_at"][:19].replace("T", " "))  # fmt: skip
    Console().print(table)


@app.command(epilog="Example: [bold]izwi jobs show JOB[/]")
def show(job: JobArgument, url: ServerOption = None) -> None:
    """All that is known of a job, as JSON."""
    with client(url) as jobs:
        typer.echo(to_json(jobs.get(job)))


@app.command(epilog="Example: [bold]izwi jobs wait JOB --out talk.srt[/]")
def wait(job: JobArgument, out: OutOption = None, url: ServerOption = None) -> None:
    """Stay until a job is over, then fetch what was heard."""
    form_of(out)
    with client(url) as jobs:
        follow(jobs, jobs.get(job), out)


@app.command(epilog="Example: [bold]izwi jobs cancel JOB[/]")
def cancel(job: JobArgument, url: ServerOption = None) -> None:
    """End a job; what was heard stays for a while."""
    with client(url) as jobs:
        typer.echo(jobs.cancel(job)["status"])


@app.command(epilog="Example: [bold]izwi jobs retry JOB[/]")
def retry(job: JobArgument, url: ServerOption = None) -> None:
    """Go on with a job that failed, where it failed."""
    with client(url) as jobs:
        typer.echo(jobs.retry(job)["status"])


@app.command(epilog="Example: [bold]izwi jobs remove JOB[/]")
def remove(job: JobArgument, url: ServerOption = None) -> None:
    """End a job, and remove all of it from the server."""
    with client(url) as jobs:
        jobs.remove(job)


def _status(job: dict[str, Any]) -> str:
    return f"{job['status']}: {job['error']['code']}" if job["error"] else job["status"]


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"
