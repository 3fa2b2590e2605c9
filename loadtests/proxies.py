"""What stands before the ingress: Ray's HAProxy with Serve's throughput settings against its Python proxy, in turns.

python -m loadtests.proxies --speakers 4
"""

import asyncio
import os
import time
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console

from izwi.errors import IzwiError
from loadtests.background import speaking
from loadtests.health import percentiles_ms
from loadtests.http_client import Load, precise_loop
from loadtests.outcome import conclude
from loadtests.sampling import Spent, spent
from loadtests.server import Server, serving

PROXIES = ("haproxy", "python")
RECOGNITION = "asr"
LEAD_S = 5.0
"""Until every speaker is in the middle of a sentence."""
RATE, CONNECTIONS = 200.0, 20


def _turn(proxy: str, speakers: int, seconds: float, folder: Path | None, log: Path) -> dict[str, Any]:
    os.environ["IZWI_PROXY"] = proxy
    with serving(None, None, log, lambda _: None) as server:
        asyncio.run(server.settle())
        idle = asyncio.run(server.watch(seconds / 2))
        with speaking(server.socket, speakers, LEAD_S + 3 * seconds, folder) as background:
            time.sleep(LEAD_S)
            before = server.read()
            time.sleep(seconds)
            talking = spent(before, server.read())
            with asyncio.Runner(loop_factory=precise_loop) as runner:
                latencies = runner.run(_ask(server, seconds / 2))
    return {
        "proxy": proxy,
        "idle": idle.server_total,
        "per_stream": (_besides(talking) - _besides(idle)) / speakers,
        "latency_ms": percentiles_ms(latencies),
        "problems": background.problems,
        "others": talking.others,
    }


def _besides(used: Spent) -> float:
    """Everything but recognition, which takes what is left."""
    return used.server_total - used.server.get(RECOGNITION, 0.0)


async def _ask(server: Server, seconds: float) -> list[float]:
    async with Load(f"{server.url}/healthz", CONNECTIONS) as load:
        return (await load.open(RATE, seconds)).latencies


def table(rows: list[dict[str, Any]], speakers: int) -> str:
    """Medians over the turns, as Markdown."""
    lines = [
        "| proxy | idle server, % of a core | per speaker besides recognition, % | /healthz p50 / p95 / p99, ms |",
        "| --- | --- | --- | --- |",
    ]
    for proxy in PROXIES:
        turns = [row for row in rows if row["proxy"] == proxy]
        idle, stream = (median(row[key] for row in turns) for key in ("idle", "per_stream"))
        times = " / ".join(f"{median(row['latency_ms'][key] for row in turns):.1f}" for key in ("p50", "p95", "p99"))
        lines.append(f"| {proxy} | {idle:.1f} | {stream:.2f} | {times} |")
    others = max(row["others"] for row in rows)
    note = (
        f"{speakers} speakers, {len(rows) // len(PROXIES)} turns each; /healthz at {RATE:g} requests a second meanwhile"
    )
    return "\n".join([*lines, "", f"{note}; other processes used {others:.0f} % of a core"])


def main(
    speakers: Annotated[int, typer.Option(help="Live speakers.", min=1)] = 4,
    seconds: Annotated[float, typer.Option(help="Of speech per turn.", min=4)] = 20.0,
    turns: Annotated[int, typer.Option(help="Of each proxy.", min=1)] = 2,
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="What they say: a folder with manifest.json; else LibriVox.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """CPU per stream and latency behind both proxies, each in servers of its own, in turns.

    Example: python -m loadtests.proxies --speakers 4 --turns 2
    """
    rows: list[dict[str, Any]] = []
    try:
        for turn in range(turns):
            for proxy in PROXIES if turn % 2 == 0 else reversed(PROXIES):
                with Console(stderr=True).status(f"turn {turn + 1} of {turns}, {proxy}"):
                    rows.append(_turn(proxy, speakers, seconds, folder, Path("out/proxies") / f"{proxy}.log"))
    except (IzwiError, OSError) as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    problems = sorted({problem for row in rows for problem in row["problems"]})
    summary = {"speakers": speakers, "rows": rows, "others": max(row["others"] for row in rows)}
    conclude(table(rows, speakers), summary, out, problems)


if __name__ == "__main__":
    typer.run(main)
