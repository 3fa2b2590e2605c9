"""`izwi eval`: how right a server hears the recordings of a manifest."""

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from izwi.cli.outputs import to_json
from izwi.cli.progress import bars
from izwi.cli.stream import stderr
from izwi.cli.target import AddressOption, KeyOption, LanguageOption, Target, target
from izwi.evaluation import manifest
from izwi.evaluation.manifest import Item
from izwi.evaluation.report import Report, Scored, as_json, percent, report
from izwi.evaluation.run import Outcome, hear
from izwi.evaluation.scoring import Difference
from izwi.evaluation.text import Normaliser, plain, whisper
from izwi.transcription_client import TranscriptionClient

SHOWN = 8
"""Differences of one recording in the table; the JSON has all of them."""

EXAMPLES = """Examples:

[bold]izwi eval clips/manifest.json --language en[/]

[bold]izwi eval clips.jsonl --url http://127.0.0.1:8000 --max-wer 8 --json > wer.json[/]

The manifest is a JSON list, or has one object a line: {"file", "text"}, and "language" if they differ. Exit codes:
0 done; 1 a recording failed, or the error rate is above --max-wer; 2 the manifest or another argument is at fault.
"""


class Normal(StrEnum):
    PLAIN = "plain"
    WHISPER = "whisper"


def command(
    listing: Annotated[Path, typer.Argument(metavar="MANIFEST", help="Recordings and what is said in them.")],
    url: AddressOption = None,
    api_key: KeyOption = None,
    language: LanguageOption = None,
    model: Annotated[str | None, typer.Option(help="Name of a recogniser that the server has loaded.")] = None,
    hotwords: Annotated[str | None, typer.Option(help="Names and terms to expect, with commas between them.")] = None,
    normaliser: Annotated[
        Normal,
        typer.Option(help="What is compared: words without case and punctuation, or as Whisper's authors count."),
    ] = Normal.PLAIN,
    worst: Annotated[int, typer.Option(help="Recordings in the table of the worst.", min=0)] = 10,
    at_once: Annotated[int, typer.Option(help="Requests at once.", min=1, max=256)] = 2,
    max_wer: Annotated[
        float | None, typer.Option(help="Percent of word errors above which to exit with 1.", min=0)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, and nothing else.")] = False,
) -> None:
    """Transcribe the recordings of a manifest, and say how many words and characters are wrong, and which."""
    items = manifest.read(listing)
    normals = _normaliser(normaliser)
    for code in {item.language or language for item in items}:
        normals(code)  # what is not installed must not cost an hour of transcribing
    fields = {"language": language, "model": model, "hotwords": hotwords}
    with target(url, api_key) as server:
        began = time.perf_counter()
        outcomes = asyncio.run(_hear(server, items, fields, at_once))
        found = report(outcomes, normals, language, time.perf_counter() - began)
    if json:
        typer.echo(to_json(as_json(found)))
    else:
        _print(found, worst, at_once)
    _conclude(found, max_wer)


def _normaliser(kind: Normal) -> Callable[[str | None], Normaliser]:
    @cache
    def of(language: str | None) -> Normaliser:
        return whisper(language) if kind is Normal.WHISPER else plain

    return of


async def _hear(server: Target, items: list[Item], fields: dict[str, str | None], at_once: int) -> list[Outcome]:
    async with TranscriptionClient(server.http, server.api_key, at_once) as client:
        await client.check()
        with bars() as progress:
            task = progress.add_task("recordings", total=len(items))
            return await hear(client, items, fields, at_once, lambda: progress.advance(task))


def _conclude(found: Report, max_wer: float | None) -> None:
    """Raises `typer.Exit` with 1 where a recording failed, or too much is wrong."""
    console = stderr()
    for item, error in found.failed:
        console.print(f"{item.file}: {error.code}: {error}", highlight=False, markup=False, soft_wrap=True)
    above = max_wer is not None and found.exceeds(max_wer)
    if above:
        console.print(f"WER {_percent(found.words.rate)} % is above {max_wer:g} %", highlight=False)
    if found.failed or above:
        raise typer.Exit(1)


def _print(found: Report, worst: int, at_once: int) -> None:
    console = Console(highlight=False)
    words, characters = found.words, found.characters
    console.print(
        f"[bold]WER {_percent(words.rate)} %, CER {_percent(characters.rate)} %[/] of {words.said:,} words: "
        f"{words.substitutions} substituted, {words.deletions} deleted, {words.insertions} inserted"
    )
    console.print(
        f"{len(found.scored)} of {len(found.scored) + len(found.failed)} recordings, {found.audio_s:.1f} s, "
        f"in {found.wall_s:.1f} s, {at_once} at once: RTF {'–' if found.rtf is None else f'{found.rtf:.3f}'}"
    )
    if shown := found.worst(worst):
        table = Table(box=None, pad_edge=False)
        table.add_column("worst", overflow="fold")
        for name in ("WER, %", "CER, %"):
            table.add_column(name, justify="right")
        table.add_column("what was said → heard", overflow="fold")
        for one in shown:
            rates = (_percent(one.score.words.rate), _percent(one.score.characters.rate))
            table.add_row(Text(one.item.file), *rates, _differences(one))
        console.print(table)


def _differences(one: Scored) -> Text:
    found = one.score.differences
    lines = [_difference(each) for each in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(Text(f"and {len(found) - SHOWN} more"))
    return Text("\n").join(lines)


def _difference(one: Difference) -> Text:
    """The words around it, too; brackets, because colours do not survive a pipe."""
    said, heard = Text(one.said or "–", style="red"), Text(one.heard or "–", style="green")
    changed = Text.assemble("[", said, " → ", heard, "]")
    return Text(" ").join(part for part in (Text(one.before), changed, Text(one.after)) if part)


def _percent(rate: float | None) -> str:
    shown = percent(rate)
    return "–" if shown is None else f"{shown:.2f}"
