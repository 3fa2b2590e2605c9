"""How fast the server answers a health check, idle and while people speak.

python -m loadtests.health --connections 20 --seconds 10 --speakers 8
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console

from izwi.errors import IzwiError
from izwi.percentiles import Percentiles, percentiles
from loadtests.background import speaking
from loadtests.http_client import Answers, Load, precise_loop
from loadtests.outcome import conclude
from loadtests.sampling import Spent, read, spent
from loadtests.server import Server, serving

WARM_UP_S = 1.0
"""Of every measurement: connections and caches."""
SPEECH_LEAD_S = 5.0
"""Until every speaker is in the middle of a sentence."""
OWN_LIMIT = 80.0
"""Percent of a core from which on this client measures itself."""


def percentiles_ms(seconds: Sequence[float]) -> Percentiles:
    """p50, p95 and p99 in milliseconds."""
    return percentiles([1000 * one for one in seconds], digits=2)


def figures(mode: str, answers: Answers, used: Spent, own: float) -> dict[str, Any]:
    """One row of the result; times in milliseconds, CPU in percent of one core, ``own`` is this process's."""
    return {
        "mode": mode,
        "requests_per_s": round(answers.in_time / answers.wall_s, 1),
        "latency_ms": percentiles_ms(answers.latencies),
        "sent_late_ms": percentiles_ms(answers.sent_late),
        "answers": len(answers.latencies),
        "lost": answers.lost,
        "not_ok": sum(count for status, count in answers.statuses.items() if status != 200),
        "client": round(own, 1),
        "server": {name: round(percent, 1) for name, percent in used.server.items()},
        "others": round(used.others, 1),
    }


def table(summary: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = ["| | requests/s | p50, ms | p95, ms | p99, ms | lost | client CPU, % | server CPU, % |"]
    lines.append("| --- " * 8 + "|")
    for row in summary["rows"]:
        cells = [f"{row['requests_per_s']:.0f}", *(_cell(row["latency_ms"][key]) for key in ("p50", "p95", "p99"))]
        cells += [f"{row['lost'] + row['not_ok']}", f"{row['client']:.0f}", f"{sum(row['server'].values()):.0f}"]
        lines.append(f"| {row['mode']} | {' | '.join(cells)} |")
    late = summary["rows"][-1]["sent_late_ms"]
    note = (
        f"{summary['connections']} connections, {summary['speakers']} speakers meanwhile; percent of one core. At the "
    )
    note += f"fixed rate times count from when a request was due; this client was p50 {_cell(late['p50'])}, "
    note += f"p99 {_cell(late['p99'])} ms late itself"
    return "\n".join([*lines, "", note])


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def failures(summary: dict[str, Any], most_p99_ms: float | None, least_rate: float | None) -> list[str]:
    """Why the run is void, and which limits it missed: latency at the fixed rate, throughput in the closed loop."""
    closed, fixed = summary["rows"]
    found = []
    for row in summary["rows"]:
        if row["lost"] or row["not_ok"]:
            found.append(f"{row['mode']}: {row['lost']} requests lost, {row['not_ok']} answers other than 200")
        if row["client"] > OWN_LIMIT:
            found.append(f"{row['mode']}: this client used {row['client']:.0f} % of a core and measured itself")
    found += summary["speaker_problems"]
    p99 = fixed["latency_ms"]["p99"]
    if most_p99_ms is not None and (p99 is None or p99 > most_p99_ms):
        found.append(f"p99 at the fixed rate is above {most_p99_ms:g} ms")
    if least_rate is not None and closed["requests_per_s"] < least_rate:
        found.append(f"fewer than {least_rate:g} requests a second")
    return found


async def measure(
    server: Server, path: str, connections: int, seconds: float, rate: float, speakers: psutil.Process | None
) -> list[dict[str, Any]]:
    """The closed loop, then the fixed rate."""
    clients = [psutil.Process(), *([speakers] if speakers else [])]
    rows: list[dict[str, Any]] = []
    async with Load(server.url + path, connections) as load:
        await load.closed(WARM_UP_S)
        for mode in ("closed loop", f"{rate:g} a second"):
            before, own = read(server.processes(), clients), time.process_time()
            answers = await (load.closed(seconds) if mode == "closed loop" else load.open(rate, seconds))
            used, own = spent(before, read(server.processes(), clients)), time.process_time() - own
            rows.append(figures(mode, answers, used, 100 * own / used.seconds))
    return rows


def main(
    connections: Annotated[int, typer.Option(help="Keep-alive connections.", min=1, max=500)] = 20,
    seconds: Annotated[float, typer.Option(help="Per mode.", min=1)] = 10.0,
    rate: Annotated[float, typer.Option(help="Requests a second in the second mode.", min=1)] = 200.0,
    speakers: Annotated[int, typer.Option(help="Live speakers meanwhile.", min=0)] = 0,
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="What they say: a folder with manifest.json; else LibriVox.")
    ] = None,
    path: Annotated[str, typer.Option(help="What to GET.")] = "/healthz",
    max_p99_ms: Annotated[float | None, typer.Option(help="Limit of p99 at the fixed rate.")] = None,
    min_rate: Annotated[float | None, typer.Option(help="Fewest requests a second in the closed loop.")] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    pid: Annotated[int | None, typer.Option(help="The root process of the server at --url.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """Throughput in a closed loop, then latency at a fixed rate, of a health check.

    Example: python -m loadtests.health --speakers 8 --rate 200 --max-p99-ms 50
    """
    console = Console(stderr=True)
    try:
        with (
            console.status("private server") as status,
            serving(url, pid, Path("out/health/server.log"), status.update) as server,
        ):
            status.update("the server settles")
            asyncio.run(server.settle())
            talk_s = SPEECH_LEAD_S + WARM_UP_S + 2 * seconds + 30.0
            status.update(f"{speakers} speakers, {connections} connections")
            with (
                speaking(server.socket, speakers, talk_s, folder) as background,
                asyncio.Runner(loop_factory=precise_loop) as runner,
            ):
                time.sleep(SPEECH_LEAD_S if speakers else 0.0)
                rows = runner.run(measure(server, path, connections, seconds, rate, background.process))
    except (IzwiError, OSError) as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    others = max(row["others"] for row in rows)
    summary: dict[str, Any] = {"connections": connections, "speakers": speakers, "rows": rows, "others": others}
    summary["speaker_problems"] = background.problems
    conclude(table(summary), summary, out, failures(summary, max_p99_ms, min_rate))


if __name__ == "__main__":
    typer.run(main)
