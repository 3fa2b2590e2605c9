"""A bench that is short enough for every change: fails on what the code does, not on how fast the machine is.

python -m loadtests.short
"""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from izwi import logs
from izwi.errors import UnsupportedAudio
from izwi.server_process import running_server
from loadtests import corpus, ramp, report
from loadtests.limits import failures
from loadtests.process import going_first
from loadtests.ramp import Speech, Target
from loadtests.reference import references
from loadtests.windows import compare

SPEAKERS = (1, 4)
SECONDS = 20.0
WARM_UP_S = 5.0
MOST_CLIPS = 8
"""The offline pass over them takes a second a clip."""
SHARED = Path("../shared/speech/en")
SEED = 1

cli = typer.Typer(add_completion=False, rich_markup_mode=None)


@cli.command()
def main(out: Annotated[Path, typer.Option(help="Where the server's log goes.")] = Path("out/bench-short")) -> None:
    """Compare elastic with padded windows, then let 1 and 4 speakers talk to a private server: under 3 minutes.

    Ends with 1 if a ratio or difference within the run is beyond its limit (see loadtests/limits.py). A machine that is
    too busy to send in time is told so and judged by nothing that depends on it.

    \b
    Example:
      python -m loadtests.short --out out/bench-short
    """
    logs.configure("warning", human=True)
    try:
        clips = corpus.load(None if corpus.LIBRIVOX.is_dir() or not SHARED.is_dir() else SHARED)[:MOST_CLIPS]
    except UnsupportedAudio as error:
        typer.echo(f"nothing was measured: {error}")
        return
    passes = compare(clips)
    typer.echo(f"elastic pass {passes.elastic_s:.3f} s, padded {passes.padded_s:.3f} s: ratio {passes.ratio:.2f}")
    speech = Speech("en", None, clips, references(clips, "en", out / "reference-base-en.json"))
    with running_server(out / "server.log") as url, going_first():
        rows = _ramp(Target(url, private=True), speech)
    if any(row["void"] for row in rows):
        typer.echo("this machine was too busy to send audio in time, twice: the runs marked void are not judged")
    wrong = failures(rows, passes)
    for sentence in wrong:
        typer.echo(f"FAILED {sentence}", err=True)
    if wrong:
        raise typer.Exit(1)
    typer.echo("within all limits")


def _ramp(target: Target, speech: Speech) -> list[dict[str, Any]]:
    """A warm-up, then a row per number of speakers; all again if one was void."""
    asyncio.run(ramp.run(target, speech, 1, WARM_UP_S, SEED))
    rows: list[dict[str, Any]] = []
    for _ in range(2):
        rows = []
        for speakers in SPEAKERS:
            rows.append(asyncio.run(ramp.run(target, speech, speakers, SECONDS, SEED)))
            typer.echo(report.line(rows[-1]))
        if not any(row["void"] for row in rows):
            break
    return rows


if __name__ == "__main__":
    cli()
