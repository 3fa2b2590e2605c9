"""The figures of `izwi bench`, from scripted answers and sessions."""

import itertools

import httpx
import numpy as np
import pytest

from izwi.audio import SAMPLE_RATE
from izwi.bench import http, live
from izwi.bench.figures import rate, tally
from izwi.bench.http import Answers, Upload
from izwi.bench.live import PAUSE_S, Seen, figures, sent_late, talk
from izwi.errors import UnsupportedAudio
from izwi.pacing import SendClock
from izwi.transcription_client import TranscriptionClient


def test_a_rate_in_no_time_is_none_and_the_most_frequent_error_comes_first() -> None:
    assert rate(3, 0.0) is None
    assert list(tally(["b", "a", "a"]).items()) == [("a", 2), ("b", 1)]


async def test_files_are_taken_in_turn_and_the_first_request_is_not_counted() -> None:
    names: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        names.append(request.read().partition(b'filename="')[2][:1])
        if len(names) == 3:
            return httpx.Response(503, json={"error": {"code": "overloaded", "message": "full", "request_id": "r"}})
        return httpx.Response(200, json={"text": "One.", "duration": 2.0})

    uploads, done = [Upload("a", b"1"), Upload("b", b"2")], itertools.count()
    async with TranscriptionClient("http://izwi", None, 1, httpx.MockTransport(respond)) as client:
        answers = await http.run(client, uploads, {}, 5, 1, lambda: None if next(done) < 5 else pytest.fail("too many"))
    assert names == [b"a", b"a", b"b", b"a", b"b", b"a"]
    assert next(done) == 5
    found = answers.figures()
    assert (found["requests"], found["audio_s"]) == (5, 8.0)
    assert found["errors"] == {"overloaded: full (request r)": 1}


async def test_a_first_request_that_fails_ends_the_run() -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(415, json={"error": {"code": "unsupported_audio", "message": "no", "request_id": "r"}})

    async with TranscriptionClient("http://izwi", None, 1, httpx.MockTransport(respond)) as client:
        with pytest.raises(UnsupportedAudio):
            await http.run(client, [Upload("a", b"1")], {}, 5, 1, lambda: None)


def test_throughput_counts_answers_over_wall_clock() -> None:
    found = Answers([1.0, 1.0, 2.0, 2.0], audio_s=20.0, wall_s=3.0).figures()
    assert (found["requests_per_s"], found["rtf"], found["latency_s"]["p50"]) == (1.333, 0.15, 1.5)
    assert Answers(errors=["x: y"]).figures()["rtf"] is None


def test_a_talk_goes_round_the_recordings_and_ends_with_a_pause() -> None:
    ones, twos = np.ones(SAMPLE_RATE, np.float32), np.full(SAMPLE_RATE, 2, np.float32)
    pause = int(PAUSE_S * SAMPLE_RATE)
    said = talk([ones, twos], 4.0, first=3)
    assert len(said) == 4 * SAMPLE_RATE + pause
    assert said[:SAMPLE_RATE].tolist() == twos.tolist()
    assert not said[SAMPLE_RATE : SAMPLE_RATE + pause].any()
    assert said[SAMPLE_RATE + pause] == 1
    assert not said[-pause:].any()


def test_how_late_audio_left() -> None:
    clock = SendClock()
    assert sent_late(clock, 100.0) == 0.0
    for chunk in range(1, 11):
        clock.sent(SAMPLE_RATE // 10, 100.0 + chunk / 10 + (0.4 if chunk == 5 else 0.01))
    assert sent_late(clock, 100.0) == pytest.approx(0.4)


def test_sessions_are_taken_together() -> None:
    seen = [
        Seen(0.02, [0.8], [0.5, 0.7], words=9, sent_late_s=0.01),
        Seen(0.04, [0.9], [0.6], words=4, resumes=1, errors=["a: b"]),
        Seen(errors=["overloaded: full"]),
    ]
    found = figures(seen)
    assert found["session_start_s"]["p50"] == 0.03
    assert (found["sessions"], found["utterances"], found["words"], found["resumes"]) == (3, 3, 13, 1)
    assert found["final_lag_s"]["p50"] == 0.6
    assert found["errors"] == {"a: b": 1, "overloaded: full": 1}


async def test_a_session_that_cannot_be_is_an_error_and_no_traceback() -> None:
    speech = [np.zeros(SAMPLE_RATE, np.float32)]
    seen = await live.run("ws://127.0.0.1:9", None, speech, 2, 1.0, "en")
    assert [one.started_s for one in seen] == [None, None]
    assert all(one.errors[0].startswith("unavailable: cannot connect") for one in seen)
