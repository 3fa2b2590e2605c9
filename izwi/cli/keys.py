"""`izwi keys`: make API keys, and list those there are."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from izwi.errors import BadKeyFile, ProtocolViolation
from izwi.keys import Keys, Scope, digest, generate, read
from izwi.settings import Settings

app = typer.Typer(help="API keys: make one, list those there are.", no_args_is_help=True)

NEW = """Examples:

[bold]izwi keys new clinic --file keys.toml[/]

[bold]izwi keys new prometheus --scope metrics[/]

[bold]izwi keys new clinic --sessions 8 --requests-per-minute 600[/]

A server reads the file again within a second; IZWI_API_KEYS_FILE names it.
"""

File = Annotated[Path | None, typer.Option(help="File of keys; IZWI_API_KEYS_FILE unless given.")]


@app.command(epilog=NEW)
def new(
    name: Annotated[str, typer.Argument(help="Whose key it is: letters, digits, - and _.")],
    file: File = None,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may be used for; several times for several.")
    ] = None,
    sessions: Annotated[int | None, typer.Option(help="Live sessions at once.", min=1)] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="Requests and connections.", min=1)] = None,
) -> None:
    """Add a key to the file and print it, this once: the file keeps only its hash."""
    path, key = _file(file), generate()
    text = path.read_text("utf-8") if path.exists() else ""
    if text and name in Keys(text).all:
        raise ProtocolViolation(f"{name} has a key; to replace it, add the hash of a new one to its hashes in {path}")
    lines = [f"[keys.{name}]", f'hashes = ["{digest(key)}"]']
    if scope:
        lines.append(f"scopes = {json.dumps(list(dict.fromkeys(scope)))}")
    if sessions is not None:
        lines.append(f"sessions = {sessions}")
    if requests_per_minute is not None:
        lines.append(f"requests_per_minute = {requests_per_minute}")
    text = f"{text.rstrip()}\n\n".lstrip() + "\n".join(lines) + "\n"
    Keys(text)  # a bad name must not make the file unreadable
    _replace(path, text)
    typer.echo(f"{name} was added to {path}. Its key, which is not kept anywhere:", err=True)
    typer.echo(key)


@app.command("hash")
def hash_(key: Annotated[str, typer.Option(prompt=True, hide_input=True, help="The key.")]) -> None:
    """Print what the file keeps of a key, so that a name can have two while one is being replaced."""
    typer.echo(digest(key))


@app.command("list")
def list_(file: File = None) -> None:
    """Who has keys, and for what."""
    table = Table("name", "keys", "scopes", "sessions", "requests a minute", "expires", box=None, pad_edge=False)
    for name, key in read(_file(file)).all.items():
        scopes = ", ".join(sorted(key.scopes))
        limits = ["any" if limit is None else str(limit) for limit in (key.sessions, key.requests_per_minute)]
        table.add_row(
            name, str(len(key.hashes)), scopes, *limits, f"{key.expires:%Y-%m-%d}" if key.expires else "never"
        )
    Console().print(table)


def _file(given: Path | None) -> Path:
    path = given or Settings().api_keys_file
    if path is None:
        raise BadKeyFile("which file? Give --file, or set IZWI_API_KEYS_FILE")
    return path


def _replace(path: Path, text: str) -> None:
    """At once, so that a server never reads half a file; readable by its owner only."""
    part = path.with_name(path.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    part.replace(path)
