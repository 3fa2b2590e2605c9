"""What open sessions cost a running server besides engine time, process by process, and a short bench beside it."""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.capacity.costs import ReplicaRow, StreamRow
from izwi.capacity.speech import CHUNK
from izwi.client import IzwiClient
from izwi.messages import AudioProgressMessage, SessionStart
from loadtests import corpus, ramp
from loadtests.corpus import Clip
from loadtests.ramp import Speech, Target
from loadtests.sampling import Spent, memory, spent
from loadtests.server import Server
from loadtests.silence import STAGGER_S, WARM_UP_S, room
from loadtests.speaker import Heard, speak

DEPLOYMENTS = {"ingress": ("ingress",), "vad": ("vad",), "proxy": ("haproxy", "proxy")}
"""What a session costs besides recognition, translation and synthesis, and the processes that do it."""
REPLICAS = ("ingress", "vad", "asr", "mt", "tts")
ROOM_DBFS = -50.0
IDLE_S = 10.0
ECHO_S = 12.0
ATTEMPTS = 2
"""At a run in which this machine sent late."""
KEPT = (
    *("speakers", "word_shown_s", "word_committed_s", "final_lag_s", "asr_passes_per_s", "asr_rtf", "cpu_cores"),
    *("bench_cores", "others_cores", "wer", "offline_wer"),
)
"""Of a bench's row."""


async def watch_idle(server: Server) -> Spent:
    """The server while nobody is there, once it has ended its start."""
    await server.settle()
    return await server.watch(IDLE_S)


async def echo_s(server: Server, clips: Sequence[Clip]) -> float:
    """Median time from sending audio until the server says that it has had it, for a lone speaker."""
    audio = np.concatenate([clip.samples for clip in clips])[: round(ECHO_S * SAMPLE_RATE)]
    echoes: list[float] = []
    async with IzwiClient(server.socket).session(SessionStart(source_language="en")) as session:
        began = time.monotonic()

        async def send() -> None:
            for number, piece in enumerate(np.array_split(audio, range(CHUNK, len(audio), CHUNK)), 1):
                await asyncio.sleep(max(0.0, began + number * CHUNK / SAMPLE_RATE - time.monotonic()))
                await session.send(piece)
            await session.end()

        sending = asyncio.create_task(send())
        async for event in session:
            if isinstance(event, AudioProgressMessage) and not event.data.received_samples % CHUNK:
                echoes.append(session.received_at - began - event.data.received_samples / SAMPLE_RATE)
        await sending
    return round(median(echoes), 4)


async def watch_silence(server: Server, streams: int, seconds: float) -> Spent:
    """The server while so many listen to quiet rooms."""
    begin = random.Random(1)
    sound = [room(STAGGER_S + WARM_UP_S + seconds + 2.0, ROOM_DBFS, 1 + number) for number in range(streams)]

    async def stream(number: int) -> Heard:
        await asyncio.sleep(begin.uniform(0, STAGGER_S))
        return await speak(server.socket, SessionStart(source_language="en"), sound[number], Heard())

    streaming = [asyncio.create_task(stream(number)) for number in range(streams)]
    await asyncio.sleep(STAGGER_S + WARM_UP_S)
    busy = await server.watch(seconds)
    await asyncio.gather(*streaming)
    return busy


async def bench(
    server: Server, speech: Speech, speakers: int, seconds: float, seed: int
) -> tuple[dict[str, Any], Spent]:
    """A run of the bench, and what each process used meanwhile; see `stream_s` for how long speakers spoke."""
    target = Target(server.url, private=True)
    for _ in range(ATTEMPTS):
        before = await server.read_aside()
        row = await ramp.run(target, speech, speakers, seconds, seed)
        used = spent(before, await server.read_aside())
        row["others_cores"] = round(used.others / 100, 2)
        if not row["void"]:
            break
    return row, used


def stream_s(speech: Speech, speakers: int, seconds: float, seed: int) -> float:
    """Seconds of all streams of a run of the bench: at its beginning and its end not all of them are open."""
    scripts = (corpus.script(speech.clips, seconds, seed * 1000 + number) for number in range(speakers))
    return sum(len(corpus.render(script)) for script in scripts) / SAMPLE_RATE


def streams(idle: Spent, busy: Spent, sessions: int, open_s: float, *, speaking: bool) -> Iterable[StreamRow]:
    """Cores per session and deployment; what the idle server uses is not the sessions' doing.

    Args:
        open_s: seconds of all sessions together, within those that were watched.
    """
    for deployment, processes in DEPLOYMENTS.items():
        more = sum(busy.server.get(name, 0.0) - idle.server.get(name, 0.0) for name in processes)
        cores = round(max(0.0, more) / 100 * busy.seconds / open_s, 5)
        yield StreamRow(deployment=deployment, speaking=speaking, sessions=sessions, cores=cores)


def replicas(server: Server, model: str, starts: dict[str, float]) -> Iterable[ReplicaRow]:
    """Memory of the one replica that each deployment has here."""
    resident = memory(server.read().server)
    for name in REPLICAS:
        yield ReplicaRow(
            deployment=name,
            model=model if name == "asr" else "",
            memory_mb=round(resident[name]),
            start_s=starts[name],
        )
    rest = sum(megabytes for name, megabytes in resident.items() if name not in REPLICAS)
    yield ReplicaRow(deployment="node", memory_mb=round(rest), start_s=0.0)


def kept(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the simulation is compared with."""
    return [{name: row[name] for name in KEPT} for row in rows]
