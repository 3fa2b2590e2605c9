"""`izwi settings`: every setting with its meaning, in the form of a ``.env`` file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, SecretStr

from izwi.settings import Settings

EXAMPLES = """Examples:

[bold]izwi settings[/]

[bold]izwi settings --env-example > .env.example[/]
"""

HEADER = """\
# Every setting of Izwi. Copy this file to .env and remove the # before what you change; the environment wins over
# the file, and both win over the profile (IZWI_PROFILE). Lists are JSON.
# Written by: izwi settings --env-example
"""


def command(
    env_example: Annotated[bool, typer.Option(help="The defaults only, as in .env.example.")] = False,
) -> None:
    """Print every setting; those that are not at their default are active lines."""
    typer.echo(env_file(defaults() if env_example else Settings()), nl=False)


def defaults() -> Settings:
    """The settings of a machine where nothing is set."""
    return Settings.model_construct()


def env_file(settings: Settings) -> str:
    """A ``.env`` file: defaults are commented out, so that copying it changes nothing and hides no profile."""
    return HEADER + "".join(_lines(settings, defaults(), "IZWI_"))


def _lines(values: BaseModel, standard: BaseModel, prefix: str) -> Iterator[str]:
    """Plain fields first, then each group under its title."""
    groups: list[str] = []
    for name, field in type(values).model_fields.items():
        value, default = getattr(values, name), getattr(standard, name)
        key = f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            groups += [f"\n{_comment(f'--- {field.description} ---')}\n", *_lines(value, default, f"{key}__")]
        else:
            mark = "#" if value == default else ""
            yield f"\n{_comment(field.description or '')}\n{mark}{key}={_encoded(value)}\n"
    yield from groups


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in text.splitlines())


def _encoded(value: Any) -> str:
    match value:
        case None:
            return ""
        case str() | Path() | SecretStr():
            return str(value)
        case _:
            return json.dumps(value, default=str)
