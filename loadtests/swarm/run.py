"""A load test with Locust users: a profile against a private server, or against one that runs already.

python -m loadtests.swarm ten
"""

import asyncio
import gc
import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import gevent
import httpx
import psutil

from izwi.errors import Unavailable
from izwi.loopback import on_loopback
from loadtests import corpus
from loadtests.chaos.scene import Scene as ChaosScene
from loadtests.chaos.scene import private_scene
from loadtests.process import going_first
from loadtests.reference import references
from loadtests.server import Server, serving
from loadtests.swarm import live, locusts, report
from loadtests.swarm.charts import charts
from loadtests.swarm.kills import kill_on
from loadtests.swarm.loop import LoopThread
from loadtests.swarm.meters import Use, watch_self, watch_server
from loadtests.swarm.notes import Notes
from loadtests.swarm.profiles import PROFILES, Profile
from loadtests.swarm.progress import line
from loadtests.swarm.results import load, results
from loadtests.swarm.scene import Scene, set_scene
from loadtests.swarm.tally import Tally
from loadtests.swarm.users import Person, Place

WARM_UP_S = 5.0
"""Speech of one speaker before all others, not reported: first calls fill caches."""
INGRESSES = 2
"""Where replicas die, so that somebody answers meanwhile."""
TELL_S = 1.0
LOOK_S = 10.0


@dataclass(frozen=True)
class Order:
    """What is asked for."""

    name: str
    profile: Profile
    host: str | None
    """A server that runs; None for a private one."""
    pid: int | None
    """Its root process, where it is on this machine."""
    api_key: str | None
    folder: Path | None
    """Recordings; None for LibriVox."""
    out: Path
    seed: int
    slack: float
    workers: int
    """Processes of the load generator that are to come; 0 for this one alone."""
    listen: tuple[str, int]


def lead(order: Order, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run a profile and write its report.

    Raises:
        IzwiError: nothing could be measured.
        TimeoutError: workers did not come.
    """
    if order.host is not None:
        _look(order.host)
        order = replace(order, profile=replace(order.profile, kills=()))  # only what is ours is broken
    tell("careful offline pass over the recordings")
    notes, tally, uses = Notes(), Tally(), list[Use]()
    clips = corpus.load(order.folder)
    known = references(clips, "en", order.out.parent / "reference-base-en.json")
    with ExitStack() as stack:
        server, breakable = stack.enter_context(_server(order, tell))
        thread = LoopThread()
        scene = set_scene(server.url, order.api_key, order.profile, clips, known, notes, order.seed)
        Person.place = Place(thread, scene, 0)
        if server.root is not None:
            tell("the server settles")
            thread.run(server.settle())
        tell("warm-up")
        thread.run(_warm_up(scene))
        swarm = locusts.Swarm(server.url, order.profile, notes, tally)
        if order.workers:
            job = {"profile": order.name, "duty": order.profile.duty, "seed": order.seed}
            swarm.lead(*order.listen, order.workers, job, tell)
        else:
            swarm.alone()
        gc.collect()
        gc.freeze()  # to collect all that is there takes tenths of a second, in which chunks would leave late
        began = time.time()
        watching = [thread.start(watch_server(server, began, lambda: swarm.users, uses))]
        if not order.workers:
            watching.append(thread.start(watch_self(notes)))
        if breakable is not None:
            watching.append(thread.start(kill_on(breakable, order.profile.kills, notes)))
        telling = gevent.spawn(_keep_telling, order, tally, swarm, began, tell)
        swarm.run()
        lasted_s = time.time() - began
        telling.kill()
        for future in watching:
            future.cancel()
        locust_page = swarm.html()
        swarm.close()
    about = {
        "load": load(order.profile, clips),
        "host": order.host or "a private server",
        "server": {} if order.host else dict(order.profile.server),
        "machine": f"{psutil.cpu_count()} cores, {platform.machine()}, {psutil.virtual_memory().total / 1e9:.0f} GB",
        "generators": f"{order.workers} workers" if order.workers else "one process beside it",
        "began": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "seed": order.seed,
    }
    found = results(order.name, order.profile, tally, uses, began, lasted_s, order.slack, about)
    order.out.mkdir(parents=True, exist_ok=True)
    (order.out / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (order.out / "report.html").write_text(report.page(found, charts(found)))
    (order.out / "locust.html").write_text(locust_page)
    return found


def work(master: tuple[str, int], api_key: str | None, folder: Path | None, out: Path) -> None:
    """Be one of a master's workers, for one run.

    Raises:
        ConnectionError: there is no master.
        IzwiError: there are no recordings.
    """
    clips, notes = corpus.load(folder), Notes()
    known = references(clips, "en", out / "reference-base-en.json")
    with going_first():
        thread = LoopThread()

    def begin(url: str, job: dict[str, Any], first: int) -> None:
        profile = replace(PROFILES[job["profile"]], duty=job["duty"])
        scene = set_scene(url, api_key, profile, clips, known, notes, job["seed"])
        Person.place = Place(thread, scene, first)
        thread.start(watch_self(notes))

    locusts.work(*master, notes, begin)


def _look(host: str) -> None:
    """Before anything takes long.

    Raises:
        Unavailable: nobody is there, or not ready.
    """
    try:
        answer = httpx.get(f"{host.rstrip('/')}/readyz", timeout=LOOK_S, trust_env=not on_loopback(host))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"{host} does not answer: {error}") from None
    if not answer.is_success:
        raise Unavailable(f"{host} is not ready: HTTP {answer.status_code}")


@contextmanager
def _server(order: Order, tell: Callable[[str], None]) -> Iterator[tuple[Server, ChaosScene | None]]:
    """The server, and how to break it where the profile wants that and it is ours."""
    log = order.out / "server.log"
    with patch.dict(os.environ, order.profile.server):
        if order.profile.kills and order.host is None:
            with private_scene(INGRESSES, log, tell) as breakable:
                yield breakable.server, breakable
        else:
            with serving(order.host, order.pid, log, tell) as server:
                yield server, None


async def _warm_up(scene: Scene) -> None:
    """One short session.

    Raises:
        Unavailable: it was refused, or lost.
    """
    profile = replace(scene.profile, duty=0.9, visit_s=WARM_UP_S, drop_every_s=None)
    alone = replace(scene, profile=profile, notes=Notes())
    leaving = asyncio.Event()
    leaving.set()  # whoever is refused does not try again
    await live.visit(alone, random.Random(scene.seed), False, leaving)
    tally = Tally()
    tally.add(alone.notes.drain())
    if tally.counts["sessions lost"] or not tally.counts["sessions"]:
        raise Unavailable(f"{scene.url} does not serve a single speaker: {', '.join(tally.errors)}")


def _keep_telling(order: Order, tally: Tally, swarm: locusts.Swarm, began: float, tell: Callable[[str], None]) -> None:
    while True:
        now = time.time()
        tell(line(order.name, tally, swarm.users, now - began, order.profile.seconds, now))
        gevent.sleep(TELL_S)
