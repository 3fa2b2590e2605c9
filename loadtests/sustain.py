"""Many speakers for minutes: does their lag grow, and how soon is the server itself again when they stop?

python -m loadtests.sustain --speakers 32 --minutes 3
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from izwi.audio import SAMPLE_RATE
from izwi.errors import IzwiError
from izwi.messages import ErrorMessage, SessionStart, SessionStartMessage, parse_server
from izwi.stages import Samples
from loadtests import corpus
from loadtests.delays import Passage
from loadtests.figures import passages
from loadtests.outcome import conclude
from loadtests.reference import Reference, references
from loadtests.sampling import spent
from loadtests.server import Server, serving
from loadtests.speaker import speak
from loadtests.sustain_report import Outcome, failures, loads, table
from loadtests.timeline import Listener, Timed, committed, course, recovery, usual

OUT = Path("out/sustain")
WARM_UP_S = 8.0
"""Speech of one speaker before everything, not reported."""
STAGGER_S = 2.0
"""The crowd begins within this time; all of it stops at once."""
KNOCK_S = 5.0


@dataclass(frozen=True)
class Plan:
    """Seconds."""

    start: SessionStart
    speakers: int
    alone_s: float
    crowd_s: float
    after_s: float
    seed: int


@dataclass
class Speaker:
    placed: list[corpus.Placed]
    audio: Samples
    heard: Listener
    hint: float | None = None
    """How long to wait before another try, told to one that was refused."""

    def passages(self, known: dict[str, Reference]) -> list[Passage]:
        """What it said; the last clip may have been cut short."""
        if not self.heard.started_at:
            return []
        end = self.heard.sent_at(len(self.audio) / SAMPLE_RATE)
        said = passages(self.placed, self.heard, known)
        return [Passage([word for word in one.words if word.at <= end], one.onset, one.end) for one in said]


def cast(clips: list[corpus.Clip], seconds: float, seed: int) -> Speaker:
    """A speaker who stops after exactly so many seconds, be it in the middle of a word."""
    placed = corpus.script(clips, seconds, seed)
    return Speaker(placed, corpus.render(placed)[: int(seconds * SAMPLE_RATE)], Listener())


async def sustain(
    server: Server, clips: list[corpus.Clip], known: dict[str, Reference], plan: Plan, tell: Callable[[str], None]
) -> Outcome:
    """One speaker alone, then all of them, then the one alone again."""
    tell("warm-up")
    await _run(server, plan.start, cast(clips, WARM_UP_S, plan.seed - 1), 0.0)
    source = random.Random(plan.seed)
    rest = STAGGER_S + plan.crowd_s + plan.after_s
    steady = cast(clips, plan.alone_s + rest, plan.seed * 1000)
    waits = [source.uniform(0, STAGGER_S) for _ in range(plan.speakers - 1)]
    length = STAGGER_S + plan.crowd_s
    # Now, because it takes seconds during which nobody could speak.
    crowd = [cast(clips, length - wait, plan.seed * 1000 + 1 + number) for number, wait in enumerate(waits)]
    tell("one speaker alone")
    staying = asyncio.create_task(_run(server, plan.start, steady, 0.0))
    await asyncio.wait([staying], timeout=plan.alone_s)
    tell(f"{plan.speakers} speakers")
    before, began = await server.read_aside(), time.monotonic()
    tasks = [asyncio.create_task(_run(server, plan.start, *pair)) for pair in zip(crowd, waits, strict=True)]
    await asyncio.wait([*tasks, staying], timeout=max(0.0, began + length - time.monotonic()))
    await asyncio.sleep(max(0.0, began + length - time.monotonic()))
    stopped, used = time.monotonic(), spent(before, await server.read_aside())
    tell("one speaker again")
    await asyncio.gather(*tasks, staying)
    everybody = [steady, *crowd]
    heard = [one.heard for one in everybody]
    words = [committed(one.passages(known), one.heard) for one in everybody]
    alone = usual(words[0], began)
    counts, first, longest = loads(heard, began)
    delays: dict[str, list[Timed]] = {
        "committed": [word for one in words for word in one],
        "final": [final for one in heard for final in one.finals],
        "first_speech": [clause for one in heard for clause in one.first_speech],
        "all_speech": [clause for one in heard for clause in one.all_speech],
    }
    return Outcome(
        speakers=plan.speakers,
        minutes=plan.crowd_s / 60,
        courses={name: course(timed, began, stopped) for name, timed in delays.items()},
        refused=sum(one.refused for one in heard),
        retry_after_s=[one.hint for one in everybody if one.heard.refused],
        dropped=sum(map(dropped, heard)),
        skipped=sum(one.skipped for one in heard),
        errors=dict(Counter(error.partition(":")[0] for one in heard for error in one.errors)),
        loads=counts,
        first_load_s=first,
        most_update_ms=longest,
        alone_s=alone,
        recovery_s=recovery(words[0], stopped, 2 * alone) if alone is not None else None,
        late_chunks=sum(one.late_chunks for one in heard),
        client=used.client,
        server=used.server_total,
        others=used.others,
    )


def dropped(one: Listener) -> bool:
    """Whether a session that was not refused ended before its time, or never."""
    unfinished = not one.started_at or one.dropped_chunks or any(error.startswith("no_end") for error in one.errors)
    return bool(unfinished) and not one.refused


async def _run(server: Server, start: SessionStart, speaker: Speaker, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    await speak(server.socket, start, speaker.audio, speaker.heard)
    if speaker.heard.refused:
        speaker.hint = await knock(server.socket, start)


async def knock(url: str, start: SessionStart) -> float | None:
    """How long the server says to wait, in seconds; None if it does not say or has room by now.

    Asked once more for those who were refused: the client raises an error that only says so.
    """
    try:
        async with asyncio.timeout(KNOCK_S), connect(f"{url}/ws/stream", proxy=None) as socket:
            await socket.send(SessionStartMessage(data=start).model_dump_json())
            match parse_server(await socket.recv()):
                case ErrorMessage(data=data):
                    return data.retry_after_s
                case _:
                    return None
    except (OSError, TimeoutError, WebSocketException, IzwiError):
        return None


def main(
    speakers: Annotated[int, typer.Option(help="At the same time, the one who stays included.", min=2)] = 32,
    minutes: Annotated[float, typer.Option(help="How long all of them speak.", min=0.25)] = 3.0,
    source: Annotated[str, typer.Option("--from", help="en or es.")] = "en",
    target: Annotated[str | None, typer.Option("--to", help="Translate and speak, too.")] = None,
    alone: Annotated[float, typer.Option(help="Seconds of one speaker before.", min=5)] = 30.0,
    after: Annotated[float, typer.Option(help="Seconds of that one speaker afterwards.", min=5)] = 60.0,
    folder: Annotated[
        Path | None, typer.Option("--corpus", help="English clips: a folder with manifest.json; else LibriVox.")
    ] = None,
    max_slope: Annotated[
        float | None, typer.Option(help="Most seconds per minute that committed words may come later.")
    ] = None,
    max_recovery: Annotated[float | None, typer.Option(help="Most seconds until recovered.")] = None,
    url: Annotated[str | None, typer.Option(help="A running server instead of a private one.")] = None,
    pid: Annotated[int | None, typer.Option(help="The root process of the server at --url.")] = None,
    model: Annotated[str, typer.Option(help="Whisper model whose offline pass is the reference.")] = "base",
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    seed: Annotated[int, typer.Option(help="Who says what.")] = 1,
) -> None:
    """Delays over minutes under load, what the server refuses and gives up, and its recovery.

    Example: python -m loadtests.sustain --speakers 32 --minutes 3 --max-slope 0.1 --max-recovery 20
    """
    start = SessionStart(source_language=source, target_language=target)
    plan = Plan(start, speakers, alone, 60 * minutes, after, seed)
    console = Console(stderr=True)
    try:
        with console.status("careful offline pass over the recordings") as status:
            clips = corpus.speech(source, folder, OUT)
            known = references(clips, source, OUT / f"reference-{model}-{source}.json", model)
            with serving(url, pid, OUT / "server.log", status.update) as server:
                status.update("the server settles")
                asyncio.run(server.settle())
                found = asyncio.run(sustain(server, clips, known, plan, status.update))
    except IzwiError as error:
        typer.echo(f"cannot measure: {error}", err=True)
        raise typer.Exit(1) from None
    conclude(table(found), asdict(found), out, failures(found, max_slope, max_recovery))


if __name__ == "__main__":
    typer.run(main)
