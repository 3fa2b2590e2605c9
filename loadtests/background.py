"""Speakers in a process of their own: what they do does not delay the measurement next to them."""

import asyncio
import multiprocessing
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from izwi.errors import Unavailable
from izwi.messages import SessionStart
from izwi.stages import Samples
from loadtests import corpus
from loadtests.speaker import Heard, speak

OPEN_LIMIT_S = 60.0
"""For the process to start, read its recordings and open its sessions."""
POLL_S = 0.1


@dataclass
class Background:
    process: psutil.Process | None = None
    """None without speakers."""
    problems: list[str] = field(default_factory=list)
    """Complete after the ``with`` block."""


@contextmanager
def speaking(url: str, speakers: int, seconds: float, folder: Path | None = None) -> Generator[Background]:
    """Let ``speakers`` talk, for ``seconds`` at most; in the ``with`` block all of their sessions are open.

    Args:
        url: ``ws://HOST:PORT``.
        folder: recordings as `corpus.load` takes them.

    Raises:
        Unavailable: they could not start.
    """
    if not speakers:
        yield Background()
        return
    context = multiprocessing.get_context("spawn")  # a fork would share this process's event loop
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, url, speakers, seconds, folder), daemon=True)
    process.start()
    theirs.close()
    try:
        if not (ours.poll(OPEN_LIMIT_S) and _received(ours) == []):
            raise Unavailable("the speakers in the background did not start")
        background = Background(psutil.Process(process.pid))
        yield background
        ours.send(None)
        background.problems += _received(ours)
    finally:
        process.terminate()
        process.join()


def _received(pipe: "Connection[object, list[str]]") -> list[str]:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return ["the speakers in the background failed"]


def _run(pipe: "Connection[list[str], object]", url: str, count: int, seconds: float, folder: Path | None) -> None:
    clips = corpus.load(folder)
    audio = [corpus.render(corpus.script(clips, seconds, 1000 + number)) for number in range(count)]
    asyncio.run(_talk(pipe, url, [Heard() for _ in audio], audio))


async def _talk(pipe: "Connection[list[str], object]", url: str, heard: list[Heard], audio: list[Samples]) -> None:
    start = SessionStart(source_language="en")
    tasks = [asyncio.create_task(speak(url, start, *pair)) for pair in zip(audio, heard, strict=True)]
    while not all(one.started_at or task.done() for one, task in zip(heard, tasks, strict=True)):
        await asyncio.wait(tasks, timeout=POLL_S)
    pipe.send([])
    await asyncio.to_thread(pipe.recv)
    problems = {error for one in heard for error in one.errors}
    problems |= {"a speaker was refused" for one in heard if one.refused}
    problems |= {"a speaker sent late" for one in heard if one.late_chunks}
    problems |= {"a speaker ended early" for task in tasks if task.done()}
    pipe.send(sorted(problems))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
