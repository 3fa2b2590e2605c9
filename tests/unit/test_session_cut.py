"""A client may end an utterance itself, in the middle of speech."""

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi import messages as m
from izwi.audio import Cut
from izwi.session import Session
from izwi.settings import Settings
from izwi.stages import Samples
from tests.unit.scripted import Run, Script, silence, speech


async def run(*parts: Samples | Cut, chunk: int = 1600) -> Run:
    events: list[tuple[m.ServerMessage, bytes | None]] = []

    async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
        events.append((message, payload))

    async def stream() -> AsyncIterator[Samples | Cut]:
        for part in parts:
            if isinstance(part, Cut):
                yield part
                continue
            for begin in range(0, len(part), chunk):
                yield part[begin : begin + chunk]

    start = m.SessionStart(source_language="en", speech=False)
    await Session(start, Settings(_env_file=None), Script().stages(), emit).run(stream())  # type: ignore[call-arg]
    return Run(events)


def cuts(heard: Run) -> Sequence[tuple[int | None, float]]:
    return [(e.data.utterance, e.data.time_s) for e in heard.of(m.AudioCutMessage)]


async def test_a_cut_ends_the_utterance_without_a_pause() -> None:
    heard = await run(speech("one", "two", "three"), Cut(), speech("four", "five"), silence(1))
    assert heard.finals == ["one two three", "four five"]
    assert cuts(heard) == [(0, 1.2)]
    ends = [e.data.time_s for e in heard.of(m.SpeechEndedMessage)]
    assert ends[0] == pytest.approx(1.2)
    second = heard.of(m.SpeechStartedMessage)[1].data
    assert second.time_s >= 1.2


async def test_a_cut_is_told_before_the_end_that_it_makes() -> None:
    heard = await run(speech("one", "two"), Cut(), silence(1))
    order = [type(e) for e, _ in heard.events]
    assert order.index(m.AudioCutMessage) < order.index(m.SpeechEndedMessage) < order.index(m.TranscriptFinalMessage)


async def test_a_cut_in_silence_ends_nothing() -> None:
    heard = await run(Cut(), silence(1), speech("one", "two"), silence(1), Cut(), Cut(), silence(1))
    assert heard.finals == ["one two"]
    assert [utterance for utterance, _ in cuts(heard)] == [None, None, None]


@given(chunk=st.integers(1, 20_000), tail=st.integers(0, 1000))
async def test_any_chunking_is_cut_at_the_same_sample(chunk: int, tail: int) -> None:
    heard = await run(speech("one", "two"), silence(tail / 16_000), Cut(), speech("three"), silence(1), chunk=chunk)
    assert heard.finals == ["one two", "three"]
    assert cuts(heard) == [(0, round((12_800 + int(tail / 16_000 * 16_000)) / 16_000, 3))]
    acks = [e.data.acknowledged_samples for e in heard.of(m.AudioProgressMessage)]
    assert acks == sorted(acks)
    assert np.isclose(heard.of(m.SessionEndedMessage)[0].data.audio_s, acks[-1] / 16_000, atol=1e-3)
