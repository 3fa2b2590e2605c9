"""Sessions in simulated time: the clock, the machine they share, what they hear, and how near it is to a server."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from izwi.audio import SAMPLE_RATE
from izwi.capacity import costs, speech
from izwi.capacity.autoscaling import PRODUCTION
from izwi.capacity.course import course
from izwi.capacity.flow import habits, recognition
from izwi.capacity.price import prices
from izwi.capacity.scenario import Moment, Scenario, Servers
from izwi.capacity.simulation import clock
from izwi.capacity.simulation.check import FIGURES, compare, measured
from izwi.capacity.simulation.machine import Machine
from izwi.capacity.simulation.run import Figures, simulate
from izwi.capacity.simulation.stages import Workers
from izwi.capacity.speech import POSITIONS, Placed, audible, pause_for, position, script
from izwi.messages import SessionStart
from tests.capacity import CLIP, SETTINGS, SPEECH, priced

TOLERANCE = 0.15
START = SessionStart(source_language="en")


def run(scenario: Scenario, servers: Servers, target: str | None = None) -> Figures:
    start = SessionStart(source_language="en", target_language=target)
    return simulate(scenario, servers, priced(target), SETTINGS, SPEECH.clips, start)


# --- the clock --------------------------------------------------------------------------------------------------------
def test_an_hour_of_waiting_takes_no_time() -> None:
    async def wait() -> float:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(60))
        return asyncio.get_running_loop().time()

    assert clock.run(wait()) == pytest.approx(3600)  # or the test runs into its time limit


def test_a_deadlock_is_told() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="waits for somebody else"):
        clock.run(wait())


# --- the machine ------------------------------------------------------------------------------------------------------
def finished(machine: dict[str, float], *jobs: tuple[float, float, float]) -> list[float]:
    """When jobs end that begin at some time, with some work for some threads."""

    async def all_of_them() -> list[float]:
        shared, loop = Machine(**machine), asyncio.get_running_loop()

        async def one(begin_s: float, work_s: float, threads: float) -> float:
            await asyncio.sleep(begin_s)
            await shared.run(work_s, threads)
            return loop.time()

        return list(await asyncio.gather(*(one(*job) for job in jobs)))

    return clock.run(all_of_them())


@pytest.mark.parametrize(
    ("machine", "jobs", "ends"),
    [
        ({"cores": 2}, [(0, 1, 1), (0, 2, 1)], [1, 2]),  # a core for each
        ({"cores": 1}, [(0, 1, 1), (0, 1, 1)], [2, 2]),  # half a core for each
        ({"cores": 1}, [(0, 2, 1), (1, 0.5, 1)], [2.5, 2]),  # the second one comes to half of the first
        ({"cores": 2}, [(0, 1, 2), (0, 1, 2)], [2, 2]),  # each would take both
        ({"cores": 2, "background": 1.0}, [(0, 1, 1), (0, 1, 1)], [2, 2]),
        ({"cores": 2, "crowding": 1.5}, [(0, 1, 1), (0, 1, 1)], [1.5, 1.5]),  # they share the memory
        ({"cores": 2, "crowding": 1.5}, [(0, 1, 1)], [1]),
        ({"cores": 64, "crowding": 1.5, "node": 2}, [(0, 1, 1), (0, 1, 1)], [1.5, 1.5]),  # nodes are filled one by one
    ],
)
def test_work_shares_cores(
    machine: dict[str, float], jobs: list[tuple[float, float, float]], ends: list[float]
) -> None:
    assert finished(machine, *jobs) == pytest.approx(ends)


def test_work_that_is_broken_off_leaves_its_core() -> None:
    async def both() -> tuple[float, float]:
        machine, loop = Machine(1), asyncio.get_running_loop()
        broken = asyncio.create_task(machine.run(10))
        staying = asyncio.create_task(machine.run(2))
        await asyncio.sleep(1)
        broken.cancel()
        await staying
        return loop.time(), machine.account()

    assert clock.run(both()) == pytest.approx((2.5, 2.5))


def test_workers_take_calls_in_order_and_may_become_more() -> None:
    async def all_of_them() -> list[tuple[str, float]]:
        workers, loop = Workers(1), asyncio.get_running_loop()
        ends: list[tuple[str, float]] = []

        async def call(name: str) -> None:
            async with workers:
                await asyncio.sleep(2)
            ends.append((name, loop.time()))

        calls = [asyncio.create_task(call(name)) for name in "abcd"]
        await asyncio.sleep(3)
        assert workers.ongoing == 3
        await workers.resize(2)
        await asyncio.gather(*calls)
        return ends

    assert clock.run(all_of_them()) == [("a", 2.0), ("b", 4.0), ("c", 5.0), ("d", 6.0)]


# --- speech -----------------------------------------------------------------------------------------------------------
@hypothesis_settings(deadline=None)
@given(st.integers(0, POSITIONS + 5000))
def test_every_sample_knows_its_place(at: int) -> None:
    sound = audible([Placed(CLIP, 0.5)], 2.0) if at < 2 * SAMPLE_RATE else None
    if sound is not None:
        assert position(float(sound[at])) == at
    for peak in (speech.LOUD, speech.QUIET):
        sample = np.float32(peak * (1 + at % POSITIONS / POSITIONS))
        assert position(float(sample)) == at % POSITIONS


def test_speech_is_loud_and_its_pauses_are_not() -> None:
    sound = audible([Placed(CLIP, 1.0)], 7.0)
    loud = [round(float(at), 1) for at in np.flatnonzero(np.diff(np.abs(sound) >= speech.LOUD)) / SAMPLE_RATE]
    assert loud == [1.2, 3.0, 3.3, 5.8]


def test_speakers_are_silent_for_the_rest_of_the_time() -> None:
    assert pause_for([CLIP], 0.5) == 5.0
    assert pause_for([CLIP], 1.0) == 0.5
    placed = script([CLIP], 60, seed=1, pause_s=5.0)
    assert [one.start_s for one in placed[:3]] == [5.0, 15.0, 25.0]


def test_the_bench_and_the_simulation_say_the_same() -> None:
    from loadtests import corpus

    clips = [
        corpus.Clip(str(number), "", np.zeros(round(length * SAMPLE_RATE), np.float32))
        for number, length in enumerate((2.0, 3.5, 1.25))
    ]
    same = [CLIP.model_copy(update={"name": clip.name, "length_s": len(clip.samples) / SAMPLE_RATE}) for clip in clips]
    for seed in (1000, 1001, 7):
        there = [(one.clip.name, one.start / SAMPLE_RATE) for one in corpus.script(clips, 25, seed)]
        assert [(one.clip.name, one.start_s) for one in script(same, 25, seed)] == there


# --- whole servers ----------------------------------------------------------------------------------------------------
def test_every_word_is_seen_and_a_run_can_be_repeated() -> None:
    one, again = (run(Scenario(2, 20), Servers(cores=4)) for _ in range(2))
    assert one == again
    assert one != run(Scenario(2, 20, seed=2), Servers(cores=4))
    assert one.word_shown_s["p50"] is not None
    assert one.word_shown_s["p95"] is not None
    assert 0.3 < one.word_shown_s["p50"] < one.word_shown_s["p95"] < 2.0


def test_a_crowd_sees_late_what_few_see_soon() -> None:
    few, crowd = (run(Scenario(count, 20), Servers(cores=2)) for count in (1, 12))
    assert (few.word_shown_s["p50"] or 0) * 2 < (crowd.word_shown_s["p50"] or 0)
    assert few.batch == 1.0 < crowd.batch
    assert few.cpu_cores < crowd.cpu_cores <= 2.0
    assert few.asr_passes_per_s > 2 * crowd.asr_passes_per_s


def test_translations_are_spoken() -> None:
    found = run(Scenario(1, 20), Servers(cores=4), target="es")
    assert found.first_audio_s["p50"] is not None
    assert 0.3 < found.first_audio_s["p50"] < 3.0
    assert found.skipped_speech == 0


def test_the_autoscaler_comes_to_help() -> None:
    servers = Servers(scaling={name: PRODUCTION[name] for name in ("asr", "tts")})
    alone, helped = run(Scenario(6, 50), Servers()), run(Scenario(6, 50), servers)
    assert {one.replicas["asr"] for one in alone.moments} == {1}
    counts = [one.replicas["asr"] for one in helped.moments]
    assert counts[0] == 1 < counts[-1]
    assert (helped.moments[-2].shown_p50_s or 9) < (alone.moments[-2].shown_p50_s or 0)


def test_who_finds_no_room_comes_again() -> None:
    settings = SETTINGS.model_copy(update={"max_concurrent_sessions": 2})
    found = simulate(Scenario(3, 20), Servers(cores=8), priced(), settings, SPEECH.clips, START)
    assert sum(one.refused for one in found.moments) >= 1
    assert max(one.sessions for one in found.moments) == 2


# --- beside what was measured -----------------------------------------------------------------------------------------
def test_costs_speech_and_bench_are_of_one_run() -> None:
    assert costs.shipped().machine.run == speech.shipped().run == measured()["run"]
    assert [row["speakers"] for row in measured()["rows"]] == [1, 2, 4, 8]


def test_it_is_as_the_server_was() -> None:
    """With the costs of a machine, the simulation sees what the bench saw on it in the same run."""
    bench = measured()
    found = list(compare(costs.shipped(), speech.shipped(), bench["rows"], bench["seconds"], bench["seed"]))
    assert {one.speakers for one in found} == {1, 2, 4, 8}
    assert len(found) >= 4 * (len(FIGURES) - 1)  # a lone speaker says too little for a median final lag
    wrong = [f"{one.speakers}: {one.figure} {one.simulated:.2f}, not {one.measured:.2f}" for one in found
             if abs(one.off) > TOLERANCE]  # fmt: skip
    assert not wrong


@pytest.mark.parametrize(("speakers", "ingresses"), [(2, 1), (8, 1), (16, 1), (16, 4)])
def test_the_flow_is_as_the_calls_are(speakers: int, ingresses: int) -> None:
    """Where both can be had: idle, at its limit, with batches, and with ingresses that spoil them."""
    table, said = costs.shipped(), speech.shipped()
    own = prices(table, SETTINGS, "cpu", "en", None, speech=False)
    servers = Servers(replicas={"asr": 2, "ingress": ingresses})
    calls = simulate(Scenario(speakers, 20), servers, own, SETTINGS, said.clips, START)
    talk_s = sum(clip.length_s for clip in said.clips)
    duty = talk_s / (talk_s + speech.PAUSE_S * len(said.clips))
    flow = recognition(speakers * duty, 4, 4 * ingresses, own, SETTINGS, habits(said.clips, SETTINGS))
    assert flow.shown_p50_s == pytest.approx(calls.word_shown_s["p50"], rel=0.2)
    assert flow.shown_p95_s == pytest.approx(calls.word_shown_s["p95"], rel=0.3)  # a flow knows no bad luck
    assert flow.windows_per_s / speakers == pytest.approx(calls.asr_passes_per_s, rel=0.2)


def test_a_hundred_thousand_speakers_take_their_course() -> None:
    scaling = {name: replace(one, max_replicas=50_000) for name, one in PRODUCTION.items()}
    settings = SETTINGS.model_copy(update={"max_concurrent_sessions": 200})
    moments = list(
        course(Scenario(100_000, 900, 600, 0.5), Servers(scaling=scaling), priced(), settings, SPEECH, every_s=60)
    )
    fullest: Moment = max(moments, key=lambda one: one.sessions)
    assert fullest.sessions > 90_000
    assert fullest.replicas["ingress"] == pytest.approx(100_000 / 60, rel=0.1)
    assert fullest.shown_p95_s is not None
    assert fullest.shown_p95_s < 3.0
    assert moments[-1].sessions < fullest.sessions


@pytest.mark.parametrize("speakers", [4, 8, 16])
def test_a_replica_comes_for_every_two_to_four_who_speak(speakers: int) -> None:
    own = prices(costs.shipped(), SETTINGS, "cpu", "en", None, speech=False)
    scenario, servers = Scenario(speakers, 600), Servers(scaling=PRODUCTION)
    *_, last = course(scenario, servers, own, SETTINGS, speech.shipped(), 60)
    assert speakers / 4 <= last.replicas["asr"] <= speakers / 2


@pytest.mark.parametrize("short", ["ingress", "vad"])
def test_whoever_has_one_core_for_the_work_of_more_falls_behind(short: str) -> None:
    """By the shipped costs 140 sessions that speak 60 % of the time take 1.5 cores of the ingress, one of detectors."""
    said, settings = speech.shipped(), SETTINGS.model_copy(update={"max_concurrent_sessions": 300})
    own = prices(costs.shipped(), settings, "cpu", "en", None, speech=False)

    def shown(**replicas: int) -> list[float]:
        servers = Servers(replicas={"asr": 60, "ingress": 4, "vad": 4, **replicas})
        scenario = Scenario(200, 240, ramp_s=10, duty=0.6)
        return [one.shown_p50_s or 0.0 for one in course(scenario, servers, own, settings, said, 60)]

    enough, lacking = shown(), shown(**{short: 1})
    assert max(enough) < 1.5
    assert lacking[0] < lacking[1] < lacking[2] < lacking[3]
    assert lacking[3] > 30
