"""The bridge between Locust's greenlets and the loop in which its users talk, and requests that keep their times."""

import asyncio
import random
import threading
import time

import gevent
import httpx
import numpy as np
import pytest

from loadtests.swarm import requests
from loadtests.swarm.loop import LoopThread
from loadtests.swarm.notes import Notes
from loadtests.swarm.profiles import PROFILES
from loadtests.swarm.scene import set_scene
from loadtests.swarm.tally import Tally


@pytest.fixture(scope="module")
def loop() -> LoopThread:
    return LoopThread()


def test_work_runs_in_another_thread_while_greenlets_go_on(loop: LoopThread) -> None:
    async def work(number: int) -> tuple[int, int]:
        await asyncio.sleep(0.01)
        return number, threading.get_ident()

    users = [gevent.spawn(loop.run, work(number)) for number in range(20)]
    gevent.joinall(users, raise_error=True)
    assert [user.value[0] for user in users] == list(range(20))
    assert {user.value[1] for user in users}.isdisjoint({threading.get_ident()})


def test_an_error_comes_back(loop: LoopThread) -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loop.run(fail())


def test_a_greenlet_that_is_killed_takes_its_work_with_it(loop: LoopThread) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    user = gevent.spawn(loop.run, work())
    while not begun.is_set():
        gevent.sleep(0.001)
    user.kill()
    assert cancelled.wait(10)


async def test_a_slow_answer_does_not_move_the_requests_after_it() -> None:
    notes, leaving = Notes(), asyncio.Event()
    scene = set_scene("http://127.0.0.1:9", "key", PROFILES["smoke"], [], {}, notes, 1)
    statuses, asked = [200, 503, 200, 401], list[tuple[float, float]]()

    async def work(client: httpx.AsyncClient, due: float) -> None:
        assert client.headers["authorization"] == "Bearer key"
        asked.append((due, time.monotonic()))
        if len(asked) == 1:
            await asyncio.sleep(0.2)
        if len(asked) == len(statuses):
            leaving.set()
        httpx.Response(statuses[len(asked) - 1], request=httpx.Request("GET", scene.url)).raise_for_status()

    await asyncio.wait_for(requests._paced(scene, random.Random(1), leaving, 0.05, work), 20)
    assert np.diff([due for due, _ in asked]) == pytest.approx([0.05] * 3)
    late = [at - due for due, at in asked]
    assert min(late) >= 0
    assert late[1] > 0.1, "it was sent late, and its time counts from when it was due"
    found = Tally()
    found.add(notes.drain())
    assert found.counts["requests"] == 4
    assert found.errors == {"HTTP 503": 1, "HTTP 401": 1}
