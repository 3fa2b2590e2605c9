"""The command line: `izwi translate`, `transcribe`, `listen`, `demo`, `serve`, `job`, `jobs`, `models`, `keys`,
`plan`, `simulate`, `eval`, `bench`, `doctor`, `settings`.

Exit codes: 0 done; 1 a stage failed or gave nothing, or the file gave a part; 2 the request itself is at fault.
"""

from typing import Any, cast

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from izwi.cli import (
    bench,
    demo,
    doctor,
    job,
    jobs,
    keys,
    listen,
    models,
    plan,
    serve,
    settings,
    simulate,
    transcribe,
    translate,
)
from izwi.cli import eval as evaluation
from izwi.errors import ClientError, DamagedAudio, IzwiError


class Commands(TyperGroup):
    """Turns the errors we raise on purpose into one line and an exit code; all others keep their traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (IzwiError, ValidationError, SettingsError, ExceptionGroup) as raised:
            match error := _first(raised):
                case IzwiError():
                    whole = isinstance(error, ClientError) and not isinstance(error, DamagedAudio)
                    told, code = f"{error.code}: {error}", 2 if whole else 1
                case ValidationError() | SettingsError():
                    told, code = f"settings: {error}", 2
                case _:
                    raise
        Console(stderr=True, soft_wrap=True).print(f"[bold red]error[/] {escape(told)}")
        raise typer.Exit(code)


def _first(error: Exception) -> Exception:
    """The first single error in a group of groups."""
    if not isinstance(error, ExceptionGroup):
        return error
    return _first(cast("ExceptionGroup[Exception]", error).exceptions[0])


app = typer.Typer(
    cls=Commands,
    help="Live speech translation: speech in, captions, a translation and translated speech out.",
    epilog="Start here: [bold]izwi doctor[/], then [bold]izwi demo[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold audio, text or keys
)
for _module in (translate, transcribe, listen, demo, serve, job, plan, simulate, evaluation, doctor, settings):
    app.command(_module.__name__.rpartition(".")[2], epilog=_module.EXAMPLES)(_module.command)
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(bench.app, name="bench")


def main() -> None:
    """The ``izwi`` program."""
    app()
