"""Progress bars of commands that take long; only terminals show them."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from izwi.cli.stream import stderr


@contextmanager
def bars() -> Generator[Progress]:
    """On stderr, gone when the block ends."""
    console = stderr()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress
