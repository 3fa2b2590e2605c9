"""How soon speech begins: from sending a request to ``/v1/audio/speech`` to the first byte of its audio.

python -m loadtests.first_audio --requests 20
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from izwi.errors import IzwiError
from izwi.percentiles import percentiles
from loadtests.outcome import conclude
from loadtests.sampling import spent
from loadtests.server import Server, serving
from loadtests.spanish import SENTENCES as SPANISH

ENGLISH = (
    "Good morning, my name is Mary and I work in the library of the city.",
    "Every morning we open the door at nine, and the children come in with their books.",
    "Yesterday afternoon a letter came from my brother, who lives in the north of the country.",
    "He says that the winter is very long, but that the people are friendly.",
    "Next week we will travel by train, because the plane is too expensive.",
    "My mother cooks the meal and my father reads the newspaper in the kitchen.",
    "Do you know where the station is?",
    "The doctor said that I have to walk for an hour every day.",
    "When it rains, the path along the river fills with water.",
    "Many thanks for everything, see you tomorrow.",
)
SENTENCES = {"en": ENGLISH, "es": SPANISH}
FORMATS = ("pcm", "mp3")
WARM_UP = 3
"""Requests before those that count."""
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Took:
    """Seconds after the request was sent."""

    first: float
    """First byte of audio; for ``wav`` that would be its header, for these formats it is sound."""
    last: float


async def ask(client: httpx.AsyncClient, text: str, language: str, audio_format: str) -> Took:
    """One request over a connection that is open already, as a client that speaks often has it."""
    body = {"model": "tts-1", "input": text, "language": language, "response_format": audio_format}
    began = time.perf_counter()
    first = 0.0
    async with client.stream("POST", "/v1/audio/speech", json=body) as response:
        response.raise_for_status()
        async for _ in response.aiter_raw():
            first = first or time.perf_counter() - began
    return Took(first, time.perf_counter() - began)


async def measure(server: Server, requests: int, languages: Sequence[str]) -> dict[str, Any]:
    """One request after the other, by language and format."""
    await server.settle()
    rows: list[dict[str, Any]] = []
    before = await server.read_aside()
    async with httpx.AsyncClient(base_url=server.url, timeout=TIMEOUT_S, trust_env=False) as client:
        for language in languages:
            for audio_format in FORMATS:
                texts = islice(cycle(SENTENCES[language]), WARM_UP + requests)
                took = [await ask(client, text, language, audio_format) for text in texts][WARM_UP:]
                rows.append(
                    {
                        "language": language,
                        "format": audio_format,
                        "requests": len(took),
                        "first_s": percentiles([one.first for one in took], (50, 95)),
                        "last_s": percentiles([one.last for one in took], (50, 95)),
                    }
                )
    return {"rows": rows, "others": spent(before, await server.read_aside()).others}


def table(summary: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = ["| language | format | first byte p50, ms | p95 | last byte p50, ms | p95 |", "|---|---|---|---|---|---|"]
    for row in summary["rows"]:
        first, last = row["first_s"], row["last_s"]
        figures = " | ".join(f"{1000 * value:.0f}" for value in (first["p50"], first["p95"], last["p50"], last["p95"]))
        lines.append(f"| {row['language']} | {row['format']} | {figures} |")
    return "\n".join(lines)


def main(
    requests: Annotated[int, typer.Option(help="Per language and format.", min=1)] = 20,
    languages: Annotated[str, typer.Option(help="en, es, or both with a comma.")] = "en,es",
    limit: Annotated[float | None, typer.Option(help="Most seconds to the first byte in English, p50.")] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    pid: Annotated[int | None, typer.Option(help="The root process of the server at --url.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """Time to the first byte of audio, one request at a time against a warm server.

    Example: python -m loadtests.first_audio --requests 20 --limit 0.15
    """
    asked = languages.split(",")
    if unknown := set(asked) - set(SENTENCES):
        raise typer.BadParameter(f"no sentences in {', '.join(sorted(unknown))}")
    try:
        with (
            Console(stderr=True).status("private server") as status,
            serving(url, pid, Path("out/first-audio/server.log"), status.update) as server,
        ):
            status.update("speaking")
            summary = asyncio.run(measure(server, requests, asked))
    except (IzwiError, httpx.HTTPError) as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    conclude(table(summary), summary, out, missed(summary, limit))


def missed(summary: dict[str, Any], limit: float | None) -> list[str]:
    """Sentences about what took longer than ``limit`` seconds."""
    return [
        f"{row['format']}: the first byte took {row['first_s']['p50']:.3f} s, more than {limit:g}"
        for row in summary["rows"]
        if limit is not None and row["language"] == "en" and row["first_s"]["p50"] > limit
    ]


if __name__ == "__main__":
    typer.run(main)
