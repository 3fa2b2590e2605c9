"""`izwi serve`: the server in the foreground."""

import os
import sys
from typing import Annotated

import typer

EXAMPLES = """Examples:

[bold]izwi serve[/]

[bold]izwi serve --port 9000 --profile edge[/]
"""


def command(
    host: Annotated[str | None, typer.Option(help="Address to listen on; IZWI_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; IZWI_PORT otherwise.")] = None,
    profile: Annotated[str | None, typer.Option(help="dev, edge, cloud or realtime; IZWI_PROFILE otherwise.")] = None,
) -> None:
    """Serve HTTP and WebSocket until Ctrl-C."""
    options = {"--host": host, "--port": port, "--profile": profile}
    arguments = [part for name, value in options.items() if value is not None for part in (name, str(value))]
    # Replaces this process: signals reach the launcher itself, and nothing is held twice in memory.
    os.execv(sys.executable, [sys.executable, "-m", "graphs.launch", *arguments])
