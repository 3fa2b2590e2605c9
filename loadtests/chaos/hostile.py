"""Attack a server while honest clients speak, and see what they and its memory feel of it.

python -m loadtests.chaos.hostile --attacks crowd,slow-loris
"""

import asyncio
import multiprocessing
import os
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from izwi.errors import IzwiError
from loadtests import corpus, ramp
from loadtests.chaos.answers import Answers, untyped
from loadtests.chaos.attacks import ATTACKS
from loadtests.outcome import conclude
from loadtests.process import named, replicas
from loadtests.reference import references
from loadtests.server import Server, serving

OUT = Path("out/chaos")
SPEAKERS = 2
DELAY = 1.5
"""Times the undisturbed word delay that honest clients may see."""
MEMORY_MB = 150.0
"""What an attack may cost the ingress and the proxy."""
BEGIN_S = 4.0
"""Speech before an attack begins."""
LOOK_S = 0.25
NICE = 10
"""An attacker has a machine of his own: here he comes last."""


@dataclass(frozen=True)
class Suffered:
    """One attack. Memory is of the ingress and the proxy."""

    name: str
    answers: dict[str, int]
    memory_mb: float
    """More than before, at the most."""
    left_mb: float
    """More than before, afterwards."""
    shown_p95_s: float
    refused: int
    errors: int

    def failures(self, calm: "Suffered") -> list[str]:
        found = [f"{self.name}: {what}" for what in untyped(Counter(self.answers))]
        if self.memory_mb > MEMORY_MB:
            found.append(f"{self.name}: {self.memory_mb:.0f} MB more memory")
        if self.shown_p95_s > DELAY * calm.shown_p95_s:
            found.append(f"{self.name}: words shown {self.shown_p95_s / calm.shown_p95_s:.2f} times as late")
        if self.refused or self.errors:
            found.append(f"{self.name}: {self.refused} honest speakers refused, {self.errors} errors")
        return found


def table(rows: list[Suffered]) -> str:
    lines = [
        "| attack | answers | memory at most / afterwards, MB | word shown p95, s | times undisturbed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        answers = ", ".join(
            f"{count} {answer}" for answer, count in sorted(row.answers.items(), key=lambda item: -item[1])
        )
        lines.append(
            f"| {row.name} | {answers or '–'} | {row.memory_mb:+.0f} / {row.left_mb:+.0f} | {row.shown_p95_s:.2f} "
            f"| {row.shown_p95_s / rows[0].shown_p95_s:.2f} |"
        )
    return "\n".join(lines)


async def suffer(server: Server, name: str, speech: ramp.Speech, seconds: float) -> Suffered:
    """Let honest speakers talk for ``seconds``, with an attack meanwhile unless ``name`` is empty."""
    before = memory_mb(server)
    target = ramp.Target(server.url)
    talking = asyncio.create_task(ramp.run(target, speech, SPEAKERS, seconds, seed=1))
    await asyncio.sleep(BEGIN_S)
    with _attacking(name, f"{server.socket}/ws/stream", seconds - BEGIN_S) as attacker:
        peak = before
        while not talking.done():
            peak = max(peak, memory_mb(server))
            await asyncio.wait([talking], timeout=LOOK_S)
        answers = await attacker.answers()
    row: dict[str, Any] = talking.result()
    return Suffered(
        name=name or "none",
        answers=dict(answers),
        memory_mb=peak - before,
        left_mb=memory_mb(server) - before,
        shown_p95_s=row["word_shown_s"]["p95"],
        refused=row["refused"],
        errors=sum(row["errors"].values()),
    )


def memory_mb(server: Server) -> float:
    """Resident memory of what every client can reach."""
    processes = server.processes()
    reached = [*replicas(processes, "ingress"), *named(processes, "haproxy")]
    return sum(process.memory_info().rss for process in reached) / 1e6


class _attacking:
    """A process that attacks."""

    def __init__(self, name: str, url: str, seconds: float) -> None:
        self._ours, theirs = multiprocessing.get_context("spawn").Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=_attack, args=(theirs, name, url, seconds), daemon=True
        )

    def __enter__(self) -> "_attacking":
        self._process.start()
        return self

    async def answers(self) -> Answers:
        return await asyncio.to_thread(self._ours.recv)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _attack(pipe: "Connection[Answers, object]", name: str, url: str, seconds: float) -> None:
    os.nice(NICE)
    attack = ATTACKS.get(name)
    pipe.send(asyncio.run(attack(url, time.monotonic() + seconds)) if attack else Answers())


def main(
    attacks: Annotated[str, typer.Option(help="Comma-separated, of: " + ", ".join(ATTACKS))] = ",".join(ATTACKS),
    seconds: Annotated[float, typer.Option(help="Speech, and nearly as much attack.", min=10)] = 40.0,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    pid: Annotated[int | None, typer.Option(help="Root process of the server at --url.")] = None,
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")] = OUT / "hostile.json",
) -> None:
    """Hostile clients beside two honest ones; ends with 1 if an answer is untyped, memory grows or words come late.

    Example: python -m loadtests.chaos.hostile --attacks malformed,oversize
    """
    console = Console(stderr=True)
    names = [name.strip() for name in attacks.split(",")]
    if unknown := [name for name in names if name not in ATTACKS]:
        raise typer.BadParameter(f"no such attack: {', '.join(unknown)}")
    rows: list[Suffered] = []
    try:
        with (
            console.status("private server") as status,
            serving(url, pid, OUT / "hostile.log", status.update) as server,
        ):
            status.update("careful offline pass")
            clips = corpus.load(None)
            speech = ramp.Speech("en", None, clips, references(clips, "en", OUT / "reference-base-en.json", "base"))
            asyncio.run(ramp.run(ramp.Target(server.url), speech, 1, 8.0, seed=1))
            for name in ("", *names):
                status.update(name or "undisturbed")
                rows.append(asyncio.run(suffer(server, name, speech, seconds)))
                console.print(rows[-1], highlight=False)
    except IzwiError as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    failed = [what for row in rows[1:] for what in row.failures(rows[0])]
    conclude(table(rows), {"rows": [vars(row) for row in rows], "others": 0.0}, out, failed)


if __name__ == "__main__":
    typer.run(main)
