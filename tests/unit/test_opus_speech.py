"""Speech as Opus, from a session's events to what a client hears, also where it is cut in mid-clause."""

import numpy as np
import pytest
import soxr

from izwi import messages as m
from izwi.client_speech import OpusEar, PcmEar
from izwi.errors import ProtocolViolation
from izwi.opus_packets import split
from izwi.opus_speech import OpusSpeech
from tests.signals import snr_db, voice

RATE = 24_000
CLAUSE = voice(1.23, RATE)


def said(clause: int, samples: int, last: bool = False) -> m.SpeechAudioMessage:
    rate = RATE if samples else 0  # a clause in which nothing could be said has none
    data = m.SpeechAudio(clause=clause, engine="e", sample_rate=rate, samples=samples, last=last, speed=1.2)
    return m.SpeechAudioMessage(data=data)


Sent = list[tuple[m.ServerMessage, bytes | None]]


async def sent(*clauses: list[np.ndarray]) -> Sent:
    """What a connection is given if a session says these clauses in these pieces."""
    out: Sent = []

    async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
        out.append((message, payload))

    speech = OpusSpeech(emit)
    for number, pieces in enumerate(clauses):
        for pcm in pieces:
            await speech.emit(said(number, len(pcm)), pcm.tobytes())
        await speech.emit(m.PingMessage())
        await speech.emit(said(number, 0, last=True))
    return out


def heard(out: Sent, ear: OpusEar, clause: int) -> np.ndarray:
    pieces = [
        ear.hear(message.data, payload or b"")
        for message, payload in out
        if isinstance(message, m.SpeechAudioMessage) and message.data.clause == clause
    ]
    assert {piece.sample_rate for piece in pieces} == {48_000}
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    return np.concatenate([piece.pcm for piece in pieces])


def at_24_khz(pcm: np.ndarray) -> np.ndarray:
    return soxr.resample(pcm.astype(np.float32), 48_000, RATE)


def samples(out: Sent, clause: int) -> list[int]:
    return [
        message.data.samples
        for message, _ in out
        if isinstance(message, m.SpeechAudioMessage) and message.data.clause == clause
    ]


@pytest.mark.parametrize("cuts", [[], [100], [1, 2, 3], [480, 9600, 20_000], [29_519]])
async def test_a_clause_comes_whole_and_no_longer(cuts: list[int]) -> None:
    out = await sent(np.split(CLAUSE, cuts), [CLAUSE[:5000]])
    ear = OpusEar()
    for clause, pcm in ((0, CLAUSE), (1, CLAUSE[:5000])):
        assert sum(samples(out, clause)) == len(pcm)
        whole = heard(out, ear, clause)
        assert len(whole) == 2 * len(pcm)
        assert snr_db(pcm[480:-480], at_24_khz(whole)[480:-480]) > 15
    assert sum(isinstance(message, m.PingMessage) for message, _ in out) == 2


async def test_messages_keep_what_they_say_and_hold_packets_of_20_ms() -> None:
    out = await sent([CLAUSE])
    (first, payload), *_ = out
    assert isinstance(first, m.SpeechAudioMessage)
    assert (first.data.speed, first.data.engine, first.data.sample_rate) == (1.2, "e", RATE)
    assert first.data.samples == 480 * len(split(payload or b"")) - 156
    assert len(payload or b"") < len(CLAUSE) / 4


@pytest.mark.parametrize("kept", [1, 2])
async def test_what_is_said_again_begins_with_the_next_sample(kept: int) -> None:
    """The client has lost its connection after ``kept`` messages and says how many samples it has."""
    pieces = np.split(CLAUSE, [9_000, 20_000])
    ear = OpusEar()
    before = (await sent(pieces))[:kept]
    parts = [ear.hear(message.data, payload or b"").pcm for message, payload in before]  # type: ignore[union-attr]
    known = sum(samples(before, 0))
    ear.interrupt()
    rest = heard(await sent([CLAUSE[known:]]), ear, 0)
    whole = np.concatenate([*parts, rest])
    assert len(whole) == 2 * len(CLAUSE)
    assert snr_db(CLAUSE[480:-480], at_24_khz(whole)[480:-480]) > 10


async def test_a_clause_without_speech_is_closed() -> None:
    out = await sent([], [])
    assert [message.data.last for message, _ in out if isinstance(message, m.SpeechAudioMessage)] == [True, True]
    assert len(heard(out, OpusEar(), 1)) == 0


async def test_a_frame_that_does_not_hold_what_was_announced_is_a_violation() -> None:
    (message, payload), *_ = await sent([CLAUSE])
    assert isinstance(message, m.SpeechAudioMessage)
    for wrong in (b"", (payload or b"")[:-1], b"\0\3abc"):
        with pytest.raises(ProtocolViolation):
            OpusEar().hear(message.data, wrong)
    with pytest.raises(ProtocolViolation):
        PcmEar().hear(message.data, b"\0\0")
