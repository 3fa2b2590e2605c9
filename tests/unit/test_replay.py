"""What a client keeps for a connection that breaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi import messages as m
from izwi.replay import Reading, ReplayBuffer


@given(
    st.lists(st.integers(0, 50), max_size=20),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 60)), max_size=10),
)
def test_whatever_is_not_acknowledged_can_be_read_again(sizes: list[int], steps: list[tuple[int, int]]) -> None:
    whole = np.arange(sum(sizes), dtype=np.float32)
    buffer = ReplayBuffer()
    for piece in np.split(whole, np.cumsum(sizes)[:-1]) if sizes else ():
        buffer.append(piece)
    assert buffer.end == len(whole)
    acknowledged = 0
    for offset, most in steps:
        acknowledged = max(acknowledged, min(offset, len(whole)))
        buffer.acknowledge(acknowledged)
        assert buffer.begin <= acknowledged
        for begin in (acknowledged, min(acknowledged + 7, len(whole))):
            assert buffer.read(begin, most).tolist() == whole[begin : begin + most].tolist()


def test_what_was_acknowledged_is_gone() -> None:
    buffer = ReplayBuffer()
    buffer.append(np.zeros(10, np.float32))
    buffer.append(np.zeros(10, np.float32))
    buffer.acknowledge(15)
    assert buffer.begin == 10
    with pytest.raises(IndexError, match="first one held is 10"):
        buffer.read(9, 1)


def speech(clause: int, samples: int, last: bool = False) -> m.SpeechAudioMessage:
    data = m.SpeechAudio(clause=clause, engine="e", sample_rate=24_000, samples=samples, last=last)
    return m.SpeechAudioMessage(data=data)


STARTED = m.SessionStarted(
    session_id="s", protocol="1.0", window_samples=1, engines={}, resume_token="t", resumable=True
)


def test_reading_tells_what_was_received() -> None:
    reading = Reading()
    progress = m.AudioProgress(received_samples=900, acknowledged_samples=400)
    messages: list[m.ServerMessage] = [
        m.SpeechSkippedMessage(data=m.SpeechSkipped(clause=0, reason="r"), seq=1),
        m.AudioProgressMessage(data=progress, seq=1),
        speech(1, 100),
        speech(1, 0, last=True),
        speech(2, 30),
        speech(2, 40),
    ]
    assert all(map(reading.note, messages))
    wanted = reading.resume(STARTED)
    assert (wanted.session_id, wanted.resume_token, wanted.last_seq) == ("s", "t", 1)
    assert (wanted.acknowledged_samples, wanted.clause, wanted.clause_samples) == (400, 2, 70)


def test_a_durable_event_is_read_once() -> None:
    reading = Reading()
    event = m.SpeechSkippedMessage(data=m.SpeechSkipped(clause=0, reason="r"), seq=3)
    assert reading.note(event)
    assert not reading.note(event)
    assert reading.last_seq == 3
