"""Many speakers over minutes: who says what, who is told to come back, and the report."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from izwi.messages import ErrorData, ErrorMessage, PongMessage, SessionStart, SessionStartMessage, parse_client
from loadtests.adapters.conversation import Load
from loadtests.corpus import Clip
from loadtests.reference import Reference
from loadtests.sustain import Speaker, cast, dropped, knock
from loadtests.sustain_report import NAMES, Outcome, failures, loads, table
from loadtests.timeline import Listener, Timed, course

CLIPS = [Clip("a", "one two", np.ones(32_000, np.float32))]
KNOWN = {"a": Reference("one two", 0.1, 1.9, [("one", 0.9), ("two", 1.9)])}


def test_a_speaker_stops_in_the_middle_of_a_word() -> None:
    speaker = cast(CLIPS, 4.0, 1)  # clips begin at 0.5 and 3.0 s
    assert len(speaker.audio) == 64_000
    assert speaker.passages(KNOWN) == []  # it was never heard
    speaker.heard.started_at = 100.0
    found = [(word.text, round(word.at, 2)) for one in speaker.passages(KNOWN) for word in one.words]
    assert found == [("one", 101.4), ("two", 102.4), ("one", 103.9)]


def test_who_was_dropped() -> None:
    assert not dropped(Listener(started_at=1.0))
    assert not dropped(Listener(refused=True))
    assert dropped(Listener())
    assert dropped(Listener(started_at=1.0, dropped_chunks=3))
    assert dropped(Listener(started_at=1.0, errors=["no_end: x"]))


@asynccontextmanager
async def answering(answer: ErrorMessage | PongMessage | None) -> AsyncIterator[str]:
    async def talk(socket: ServerConnection) -> None:
        assert isinstance(parse_client(await socket.recv()), SessionStartMessage)
        if answer is not None:
            await socket.send(answer.model_dump_json())

    async with serve(talk, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def refusal(hint: float | None) -> ErrorMessage:
    data = ErrorData(code="overloaded", message="x", retryable=True, fatal=True, request_id="", retry_after_s=hint)
    return ErrorMessage(data=data)


@pytest.mark.parametrize(
    ("answer", "hint"), [(refusal(7.5), 7.5), (refusal(None), None), (PongMessage(), None), (None, None)]
)
async def test_the_hint_of_a_refusal(answer: ErrorMessage | PongMessage | None, hint: float | None) -> None:
    async with answering(answer) as url:
        assert await knock(url, SessionStart()) == hint


async def test_nobody_answers_the_door() -> None:
    assert await knock("ws://127.0.0.1:1", SessionStart()) is None


def outcome(delay: float = 1.0, grows: float = 0.0, **changes: Any) -> Outcome:
    words = [Timed(float(at), delay + grows * at / 60) for at in range(180)]
    base = {
        "speakers": 32,
        "minutes": 3.0,
        "courses": {name: course(words if name == "committed" else [], 0.0, 180.0) for name in NAMES},
        "refused": 0,
        "retry_after_s": [],
        "dropped": 0,
        "skipped": 0,
        "errors": {},
        "loads": {},
        "first_load_s": {},
        "most_update_ms": None,
        "alone_s": 0.8,
        "recovery_s": 4.0,
        "late_chunks": 0,
        "client": 20.0,
        "server": 180.0,
        "others": 1.0,
    }
    return Outcome(**{**base, **changes})


def test_the_report_shows_what_there_was() -> None:
    text = table(
        outcome(refused=2, retry_after_s=[10.0, 10.0], loads={"stretched": 5}, first_load_s={"stretched": 7.2})
    )
    assert "| word committed | 180 | 1.00 | 1.00 | +0.000 ± 0.000 |" in text
    assert "first audio" not in text
    assert "alone 0.80 s, back within twice that 4.00 s after they stopped" in text
    assert "2 refused (told to come back after 10 s), 0 dropped" in text
    assert "load stretched: 5 times, first after 7 s" in text


def test_limits() -> None:
    assert failures(outcome(), most_slope=0.1, most_recovery_s=5.0) == []
    assert failures(outcome(grows=0.5), most_slope=0.1, most_recovery_s=3.0) == [
        "words come later by more than 0.1 s per minute",
        "not recovered within 3 s",
    ]
    assert failures(outcome(recovery_s=None), None, 5.0) == ["not recovered within 5 s"]
    assert failures(outcome(late_chunks=3, client=90.0, dropped=1), None, None) == [
        "void: 3 chunks sent late",
        "void: this client used 90 % of a core",
        "1 sessions dropped",
    ]


def test_loads_are_counted_over_all_speakers_while_there_is_a_crowd() -> None:
    one = Listener(told=[(12.0, Load(12.0, "stretched", 600)), (15.0, Load(15.0, "normal", 300))])
    two = Listener(told=[(9.0, Load(9.0, "captions_only", 2000)), (11.0, Load(11.0, "stretched", 900))])
    assert loads([one, two, Speaker([], np.zeros(0, np.float32), Listener()).heard], began=10.0) == (
        {"stretched": 2, "normal": 1},
        {"stretched": 1.0, "normal": 5.0},
        900,
    )
