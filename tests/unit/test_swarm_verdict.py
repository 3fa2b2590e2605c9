"""Profiles of load tests, what a run of one is worth, and how it is told."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from izwi.settings import Settings
from loadtests.swarm import report, verdict
from loadtests.swarm.meters import Use
from loadtests.swarm.notes import KILLED, METRICS, Note, Notes
from loadtests.swarm.profiles import PROFILES, Limits, Profile, Stage, shortened
from loadtests.swarm.progress import line
from loadtests.swarm.results import load, results
from loadtests.swarm.tally import Tally
from tests.unit.test_swarm_script import CLIPS

LIMITS = Limits({"word_shown": 1.0}, memory_mb_per_minute=1.0)
PROFILE = Profile("a test", (Stage(60, 2), Stage(60, 4)), LIMITS, duty=0.5)
ABOUT = {"load": "two <speakers>", "host": "h", "server": {}, "machine": "m", "generators": "g", "began": "b"}


def tally(*notes: Note) -> Tally:
    found = Tally()
    found.add([("count", "sessions", 0.0, 2), ("count", "words said", 0.0, 100), ("count", "words right", 0.0, 95)])
    found.add([("time", "word_shown", 10.0 * n, 0.5) for n in range(12)])
    found.add(notes)
    return found


def uses(mb_per_minute: float, minutes: int = 20) -> list[Use]:
    rss = [{"asr": 500 + mb_per_minute * at / 12, "vad": 90.0} for at in range(12 * minutes)]
    return [Use(5.0 * at, 2, 1.5, 0.1, one) for at, one in enumerate(rss)]


def run(found: Tally, seen: list[Use] | None = None, lasted_s: float = 120.0, slack: float = 1.0) -> dict:
    return results("test", PROFILE, found, uses(0.0) if seen is None else seen, 0.0, lasted_s, slack, ABOUT)


def missed(found: dict) -> list[str]:
    return [check["name"] for check in found["checks"] if not check["kept"]]


def test_a_run_in_which_no_replica_died_though_some_were_to_is_missed() -> None:
    profile = replace(PROFILE, kills=("asr",))
    for notes, names in (((), ["replicas killed"]), ((("count", f"{KILLED}asr", 0.0, 2),), [])):
        found = results("test", profile, tally(*notes), uses(0.0), 0.0, 120.0, 1.0, ABOUT)
        assert missed(found) == names


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_sound(name: str) -> None:
    profile = PROFILES[name]
    assert set(profile.limits.p95_s) <= set(METRICS)
    assert 0 < profile.duty < 1
    assert profile.seconds > 0
    assert min(stage.captions for stage in profile.stages) >= 1
    environment = {key.removeprefix("IZWI_").lower().split("__")[0] for key in profile.server}
    assert environment <= set(Settings.model_fields)
    assert set(profile.kills) <= {"ingress", "asr", "vad", "mt", "tts"}
    most = max(stage.captions for stage in profile.stages) + profile.interpreted
    sessions = int(profile.server.get("IZWI_MAX_CONCURRENT_SESSIONS", Settings(_env_file=None).max_concurrent_sessions))
    assert most <= sessions, "nobody is refused because of the test itself"
    assert "turns of 2.0 to 4.0 s" in load(profile, CLIPS)


def test_a_shortened_profile_has_the_same_shape() -> None:
    short = shortened(PROFILE, 30)
    assert short == replace(PROFILE, stages=(Stage(15, 2), Stage(15, 4)))


def test_a_run_within_its_limits_passes() -> None:
    found = run(tally())
    assert (found["verdict"], missed(found), found["void"]) == ("passed", [], [])


@pytest.mark.parametrize(
    ("note", "name"),
    [
        (("count", "sessions lost", 0.0, 1), "sessions lost"),
        (("error", "engine_failed", 0.0, 1), "errors"),
        (("count", "words said", 0.0, 50), "words heard right"),
        *((("time", "word_shown", float(n), 9.0), "word shown, p95") for n in [0]),
    ],
)
def test_each_limit_decides(note: Note, name: str) -> None:
    found = run(tally(note))
    assert missed(found) == [name]
    assert found["verdict"] == "missed"


def test_what_was_not_measured_is_not_kept() -> None:
    empty = Tally()
    found = run(empty, [])
    assert {"sessions and requests", "words heard right", "word shown, p95"} <= set(missed(found))
    assert "memory per minute, second half" in missed(found)
    assert found["verdict"] == "missed"


def test_errors_may_be_allowed() -> None:
    limits = replace(LIMITS, errors=0.5, memory_mb_per_minute=None)
    kept = verdict.checks({"word_shown": {"p95": 0.5}}, tally(("error", "overloaded", 0.0, 1)), limits, None)
    assert all(check.kept for check in kept)


def test_slack_is_for_latencies_alone() -> None:
    slow = tally(*(("time", "word_shown", 0.0, 1.8) for _ in range(20)))
    assert missed(run(slow)) == ["word shown, p95"]
    assert missed(run(slow, slack=2.0)) == []
    assert missed(run(tally(("error", "engine_failed", 0.0, 1)), slack=100.0)) == ["errors"]


@pytest.mark.parametrize(("slope", "kept"), [(0.0, True), (0.9, True), (1.5, False)])
def test_memory_that_grows_is_found(slope: float, kept: bool) -> None:
    found = run(tally(), uses(slope))
    assert missed(found) == ([] if kept else ["memory per minute, second half"])
    assert found["memory"]["later"]["slope"] == pytest.approx(slope, abs=0.01)


def test_memory_that_fills_up_does_not_grow() -> None:
    filling = [replace(use, rss={"asr": min(600.0, 500 + use.at_s / 4)}) for use in uses(0.0)]
    assert missed(run(tally(), filling)) == []


@pytest.mark.parametrize(
    ("notes", "lasted_s", "said"),
    [
        ([("count", "chunks", 0.0, 1000), ("count", "chunks late", 0.0, 6)], 120, "6 of 1000 chunks left late"),
        ([("time", "cpu", float(n), 0.95) for n in range(20)], 120, "0.95 cores"),
        ([], 75, "ended after 75 of 120 s"),
    ],
)
def test_a_run_that_measured_itself_is_void(notes: list[Note], lasted_s: float, said: str) -> None:
    found = run(tally(*notes), lasted_s=lasted_s)
    assert found["verdict"] == "void"
    assert said in found["void"][0]


def test_a_few_late_chunks_are_no_matter() -> None:
    found = run(tally(("count", "chunks", 0.0, 1000), ("count", "chunks late", 0.0, 5)))
    assert found["void"] == []


def test_notes_go_through_a_message_and_add_up() -> None:
    notes = Notes(clock=lambda: 5.0)
    notes.times("resume", [0.25, 0.5])
    notes.count("requests", 3)
    notes.error("HTTP 503")
    one, both = Tally(), Tally()
    taken = notes.drain()
    assert notes.drain() == []
    one.add(taken)
    both.add(json.loads(json.dumps(taken)))
    both.add(taken)
    assert one.values("resume") == [0.5, 0.25]
    assert both.counts["requests"] == 6
    assert both.errors == {"HTTP 503": 2}
    with pytest.raises(ValueError, match="no such note"):
        one.add([("rumour", "x", 0.0, 1.0)])


def test_percentiles_come_over_time() -> None:
    found = Tally()
    found.add([("time", "resume", 1000.0 + n, n / 100) for n in range(100)])
    metric = found.metric("resume", 1000.0, 100.0)
    assert metric is not None
    assert (metric["count"], metric["p50"], metric["max"]) == (100, 0.495, 0.99)
    assert [one["at_s"] for one in metric["over_time"]] == [5.0 * n for n in range(20)]
    assert metric["over_time"][0]["p50"] == pytest.approx(0.02)
    assert metric["curve"][-1] == [100, 0.99]
    assert found.metric("session", 0.0, 1.0) is None


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


def test_the_page_says_everything_and_needs_nothing() -> None:
    from loadtests.swarm.charts import charts

    found = run(tally(("error", "<script>", 0.0, 1)), uses(1.5))
    drawn = charts(found)
    assert [title for title, _ in drawn] == [
        "word shown, over time",
        "share of all that took no longer",
        "users",
        "CPU",
        "memory of the server",
    ]
    text = report.page(found, drawn)
    tags = Tags()
    tags.feed(text)
    assert tags.seen.count("svg") == len(drawn)
    assert "script" not in tags.seen
    assert "link" not in tags.seen
    assert "two &lt;speakers&gt;" in text
    assert "limits were missed" in text
    table = report.lines(found)
    assert "| word shown, p95 | 1 s | 0.500 s | kept |" in table
    assert "| memory per minute, second half | 1 MB | +1.500 ± 0.000 MB | MISSED |" in table


def test_a_page_without_anything_measured() -> None:
    from loadtests.swarm.charts import charts

    found = run(Tally(), [])
    assert charts(found) == []
    assert "not measured" in report.page(found, [])


def test_the_line_while_it_runs_is_about_now() -> None:
    found = tally(("time", "word_shown", 1000.0, 0.75), ("count", "chunks late", 0.0, 3))
    told = line("ten", found, 10, 83, 600, 1001.0)
    assert told == "ten 1:23 of 10:00  10 users  words 0.75/0.75 s  0 errors, 0 sessions lost  3 chunks sent late"
