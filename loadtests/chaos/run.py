"""Break a server under live streams, again and again, and see what its clients lose.

python -m loadtests.chaos.run --faults reset,ingress --scale 0.2
"""

import asyncio
import random
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from izwi.errors import IzwiError
from izwi.messages import SessionStart
from loadtests import corpus
from loadtests.chaos.faults import FAULTS, Fault
from loadtests.chaos.network import FaultProxy
from loadtests.chaos.report import Outcome, conclusion, table
from loadtests.chaos.scene import Scene, private_scene
from loadtests.chaos.witness import Witness
from loadtests.outcome import conclude

OUT = Path("out/chaos")
LOG = OUT / "server.log"
STREAMS = 4
LONGEST_S = 1200.0
CALM_S = 3.0
"""Speech before the first fault and after the last one."""
FINISH_S = 120.0
"""For the sessions to end once nobody speaks."""


@dataclass(frozen=True)
class Plan:
    streams: int
    scale: float
    seed: int


async def trial(
    scene: Scene, network: FaultProxy, fault: Fault | None, clips: list[corpus.Clip], plan: Plan
) -> Outcome:
    """Strike ``fault`` at random moments while the streams speak; None lets them speak undisturbed for a minute."""
    rng = random.Random(plan.seed)
    witnesses = [Witness(corpus.script(clips, LONGEST_S, plan.seed * 100 + n)) for n in range(plan.streams)]
    stop, strikes = asyncio.Event(), list[float]()
    if fault is not None and fault.deploys:
        await scene.control.deploy()
    target, speech = (fault.target, fault.speech) if fault is not None else ("es", False)
    start = SessionStart(source_language="en", target_language=target, speech=speech)
    url = f"ws://127.0.0.1:{network.port}"
    speaking = [asyncio.create_task(witness.speak(url, start, stop)) for witness in witnesses]
    problem = ""
    try:
        await asyncio.sleep(CALM_S)
        if fault is None:
            await asyncio.sleep(60 * plan.scale)
        else:
            for number in range(max(1, round(fault.times * plan.scale))):
                if number:
                    await asyncio.sleep(rng.uniform(*fault.pause_s))
                strikes.append(await fault.strike(scene, network))
        await asyncio.sleep(CALM_S if fault is None else max(CALM_S, fault.pause_s[1]))
    except TimeoutError as error:
        problem = str(error)
    stop.set()
    _, late = await asyncio.wait(speaking, timeout=FINISH_S)
    for task in late:
        task.cancel()
    wrong = [witness.errors() for witness in witnesses]
    delays = [delay for witness in witnesses for delay in witness.resumes_after(strikes)]
    broken = [f"stream {n}: {what}" for n, witness in enumerate(witnesses) for what in witness.broken()]
    broken += [f"{len(late)} streams did not end"] if late else []
    return Outcome(
        name=fault.name if fault else "calm",
        strikes=len(strikes),
        resumes=len(delays),
        resume_p50_s=statistics.median(delays) if delays else None,
        resume_p95_s=sorted(delays)[int(0.95 * len(delays))] if delays else None,
        bound_s=fault.bound_s if fault else None,
        words=sum(said for _, said in wrong),
        wer=100 * sum(errors for errors, _ in wrong) / max(1, sum(said for _, said in wrong)),
        told_of=sorted(set[str]().union(*(witness.told_of() for witness in witnesses))),
        broken=[*broken, *([problem] if problem else [])],
    )


async def trials(scene: Scene, faults: list[Fault], plan: Plan, console: Console) -> list[Outcome]:
    clips = corpus.load(None)
    outcomes: list[Outcome] = []
    async with FaultProxy(scene.port).running() as network:
        for fault in (None, *faults):
            with console.status(f"{fault.name if fault else 'calm'}: {plan.streams} streams"):
                outcomes.append(await trial(scene, network, fault, clips, plan))
            console.print(conclusion(outcomes[-1]), highlight=False)
    return outcomes


def main(
    faults: Annotated[str, typer.Option(help="Comma-separated, of: " + ", ".join(one.name for one in FAULTS))] = "",
    scale: Annotated[float, typer.Option(help="Times as many strikes as usual.", min=0.01)] = 1.0,
    streams: Annotated[int, typer.Option(help="Live streams.", min=1)] = STREAMS,
    ingresses: Annotated[int, typer.Option(help="Ingress replicas.", min=1)] = 2,
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")] = OUT / "summary.json",
    seed: Annotated[int, typer.Option(help="Of moments and speech.")] = 1,
) -> None:
    """Faults under live streams; ends with 1 if anything was lost or said twice, or took longer than promised.

    Example: python -m loadtests.chaos.run --faults reset,blackhole --scale 0.5
    """
    console = Console(stderr=True)
    known = {fault.name: fault for fault in FAULTS}
    wanted = [name.strip() for name in faults.split(",") if name.strip()] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(f"no such fault: {', '.join(unknown)}")
    try:
        with console.status("private server") as status, private_scene(ingresses, LOG, status.update) as scene:
            status.stop()
            plan = Plan(streams, scale, seed)
            outcomes = asyncio.run(trials(scene, [known[name] for name in wanted], plan, console))
    except IzwiError as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    failed = [f"{one.name}: {what}" for one in outcomes for what in one.failures(outcomes[0])]
    conclude(table(outcomes), {"outcomes": [vars(one) for one in outcomes], "others": 0.0}, out, failed)


if __name__ == "__main__":
    typer.run(main)
