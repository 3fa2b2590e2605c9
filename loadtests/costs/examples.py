"""The examples in docs/sizing.md: commands and what they print, which changes with the cost table.

python -m loadtests.costs.examples
"""

import re
import shlex
from pathlib import Path

import typer
from typer.testing import CliRunner

from izwi.cli import app
from loadtests.costs import compared

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sizing.md"
WIDTH = "150"
"""Columns of the terminal that the examples were printed on."""
_BLOCK = re.compile(r"^```console\n\$ ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMPARED = "python -m loadtests.costs.compared"


def rendered(page: str) -> str:
    """The page with what its examples print now."""
    return _BLOCK.sub(lambda found: f"```console\n$ {found[1]}\n{output(found[1])}```", page)


def output(command: str) -> str:
    """What a command on the page prints, without spaces at the ends of lines.

    Raises:
        ValueError: it failed, or is none that can be run here.
    """
    if command == _COMPARED:
        program = typer.Typer()
        program.command()(compared.main)
        arguments, environment = [], {}
    else:
        parts = shlex.split(command)
        environment = dict(part.split("=", 1) for part in parts[: parts.index("izwi")])
        program, arguments = app, parts[parts.index("izwi") + 1 :]
    done = CliRunner(env={**environment, "COLUMNS": WIDTH}).invoke(program, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise ValueError(f"{command}: {done.exception}")
    return "".join(f"{line.rstrip()}\n" for line in done.output.splitlines())


def rewrite() -> list[Path]:
    """Bring the page up to date; says which file it was."""
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
    return [PAGE]


if __name__ == "__main__":
    typer.echo("\n".join(f"wrote {path}" for path in rewrite()))
