"""When audio leaves, how often, and how it is cut."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from deployments.ingress.message_rate import MessageRate
from izwi.client import stream_paced
from izwi.pacing import FrameLimit, rechunk
from izwi.stages import Samples
from tests.clock import in_simulated_time


@dataclass
class Listener:
    """Notes when what was sent; some sends take their time."""

    takes_s: dict[int, float] = field(default_factory=dict)
    heard: list[tuple[float, int]] = field(default_factory=list)

    async def send(self, samples: Samples) -> None:
        self.heard.append((asyncio.get_running_loop().time(), len(samples)))
        await asyncio.sleep(self.takes_s.get(len(self.heard), 0.0))


@in_simulated_time
async def test_each_chunk_leaves_once_it_has_been_spoken() -> None:
    listener = Listener()
    await stream_paced(listener, [np.zeros(1000, np.float32), np.zeros(1400, np.float32)], chunk_ms=50, speed=2.0)
    assert listener.heard == [(pytest.approx(0.025), 800), (pytest.approx(0.05), 800), (pytest.approx(0.075), 800)]


@in_simulated_time
async def test_late_sends_are_caught_up_and_nothing_drifts() -> None:
    listener = Listener(takes_s={1: 0.25, **dict.fromkeys(range(2, 10), 0.01)})
    await stream_paced(listener, [np.zeros(16_000, np.float32)])
    times = [time_s for time_s, _ in listener.heard]
    assert times == pytest.approx([0.1, 0.35, 0.36, *(0.1 * number for number in range(4, 11))])


@in_simulated_time
async def test_without_a_pace_nothing_waits() -> None:
    listener = Listener()
    await stream_paced(listener, [np.zeros(160_000, np.float32)], speed=0)
    assert listener.heard == [(0.0, 1600)] * 100


@pytest.mark.parametrize("every_s", [0.0, 0.001, 0.02])
def test_small_frames_are_kept_below_what_a_server_takes(every_s: float) -> None:
    now, waited = 100.0, 0.0
    limit, server = FrameLimit(), MessageRate(500, lambda: now)
    for _ in range(5_000):
        now += every_s
        wait_s = limit.wait_s(now)
        now, waited = now + wait_s, waited + wait_s
        server.count()
    assert (waited > 0) == (every_s < 1 / 400)


def test_rechunk_keeps_every_sample() -> None:
    pieces = [np.arange(first, last, dtype=np.float32) for first, last in [(0, 3), (3, 3), (3, 20), (20, 21)]]
    cut = list(rechunk(pieces, 4))
    assert [len(piece) for piece in cut] == [4, 4, 4, 4, 4, 1]
    np.testing.assert_array_equal(np.concatenate(cut), np.arange(21, dtype=np.float32))
