"""What a speaker makes of what it sees, and how it sends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from izwi.errors import InternalError, Overloaded
from izwi.messages import SessionStart
from izwi.stages import Samples
from loadtests import speaker
from loadtests.adapters.conversation import (
    Committed,
    Failed,
    Final,
    Load,
    Observation,
    Partial,
    SpeechChunk,
    SpeechMerged,
    SpeechSkipped,
    Translated,
)
from loadtests.delays import Shown
from loadtests.speaker import Heard, speak
from tests.clock import in_simulated_time


def test_texts_grow_utterance_by_utterance() -> None:
    heard = Heard(started_at=100.0)
    for seen in (
        Partial(101.0, "0", "", "Hello word"),
        Committed(102.0, "0", "Hello"),
        Partial(102.0, "0", "Hello", "world"),
        Committed(103.0, "0", " world."),
        Final(103.0, "0", "Hello world.", 2.5),
        Committed(105.0, "1", "Bye."),
        Final(105.0, "1", "Bye.", 4.0),
    ):
        heard.note(seen)
    assert heard.text == "Hello world. Bye."
    assert heard.settled == ["hello", "world", "bye"]
    assert heard.views[0] == Shown(101.0, 0, ["hello", "word"])
    assert [view.committed for view in heard.views] == [0, 1, 1, 2, 2, 3, 3]
    assert heard.final_lags == pytest.approx([0.5, 1.0])


def test_what_a_commit_leaves_out_until_the_next_partial_is_not_taken_back() -> None:
    heard = Heard()
    heard.note(Partial(1.0, "0", "", "one two three"))
    heard.note(Committed(2.0, "0", "one"))
    heard.note(Partial(2.0, "0", "one", "two three four"))
    heard.note(Final(3.0, "0", "one two three five", None))
    assert (heard.erasure.erased, heard.erasure.final) == (1, 4)
    assert heard.final_lags == []


def test_translations_and_their_speech_count_from_the_clause_end() -> None:
    heard = Heard(started_at=10.0)
    for seen in (
        Translated(13.0, 0, "Hola", 2.0),
        SpeechChunk(13.5, 0, 100),
        SpeechChunk(13.6, 0, 100),
        SpeechSkipped(14.0, 1),
        Load(14.0, "stretched", 600),
        Failed(15.0, "engine_failed", "no"),
    ):
        heard.note(seen)
    assert heard.translated == pytest.approx([1.0])
    assert heard.first_audio == pytest.approx([1.5])
    assert heard.skipped == 1
    assert [event.level for event in heard.load] == ["stretched"]
    assert heard.errors == ["engine_failed: no"]


def test_a_merged_clause_is_heard_with_the_one_it_was_merged_into() -> None:
    heard = Heard(started_at=10.0)
    for seen in (
        Translated(13.0, 0, "Hola", 2.0),
        Translated(14.0, 1, "mundo", 3.0),
        SpeechMerged(14.0, 1, 0),
        SpeechChunk(15.0, 0, 100),
        SpeechChunk(15.5, 0, 100),
    ):
        heard.note(seen)
    assert heard.first_audio == pytest.approx([3.0, 2.0])
    assert heard.merged == 1


class Scripted:
    """A conversation that takes audio at once or after ``hold_s``, and ends when the audio does."""

    def __init__(self, hold_s: float = 0.0, fail_after: int = 1 << 30, silent: bool = False) -> None:
        self.hold_s = hold_s
        self.fail_after = fail_after
        self.silent = silent
        self.sent: list[Samples] = []
        self.over = asyncio.Event()

    async def send(self, samples: Samples) -> None:
        self.sent.append(samples)
        if len(self.sent) > self.fail_after:
            self.over.set()
            raise InternalError("gone")
        if len(self.sent) == 2:
            await asyncio.sleep(self.hold_s)

    async def end(self) -> None:
        if not self.silent:
            self.over.set()

    async def __aiter__(self) -> AsyncIterator[Observation]:
        await self.over.wait()
        if len(self.sent) > self.fail_after:
            raise InternalError("lost")
        yield Final(0.0, "0", "done", None)


async def _speak(monkeypatch: pytest.MonkeyPatch, script: Scripted | Exception, seconds: float = 0.6) -> Heard:
    @asynccontextmanager
    async def session(url: str, start: SessionStart) -> AsyncIterator[Scripted]:
        if isinstance(script, Exception):
            raise script
        yield script

    monkeypatch.setattr(speaker, "opener", lambda protocol: session)
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(speaker, "time", SimpleNamespace(monotonic=lambda: 1 + loop.time()))
    return await speak("ws://x", SessionStart(), np.zeros(round(seconds * 16_000), np.float32), Heard())


@in_simulated_time
async def test_chunks_leave_on_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted()
    heard = await _speak(monkeypatch, script, 0.55)
    assert asyncio.get_running_loop().time() == pytest.approx(0.6)
    assert (heard.chunks, heard.late_chunks, heard.held_chunks, heard.dropped_chunks) == (6, 0, 0, 0)
    assert [len(piece) for piece in script.sent] == [1600] * 5 + [800]
    assert heard.text == "done"


@in_simulated_time
async def test_a_server_that_takes_no_audio_is_not_the_clients_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = await _speak(monkeypatch, Scripted(hold_s=0.6))
    assert (heard.held_chunks, heard.late_chunks) == (1, 0)


async def test_refused_sessions_are_no_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = await _speak(monkeypatch, Overloaded("full"))
    assert heard.refused
    assert (heard.errors, heard.dropped_chunks) == ([], 0)


@in_simulated_time
async def test_a_session_that_breaks_is_an_error_and_the_rest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = await _speak(monkeypatch, Scripted(fail_after=3))
    assert heard.errors == ["internal_error: lost"]
    assert (heard.chunks, heard.dropped_chunks) == (3, 3)


@in_simulated_time
async def test_a_session_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = await _speak(monkeypatch, Scripted(silent=True), 0.2)
    assert heard.errors[0].startswith("no_end:")
