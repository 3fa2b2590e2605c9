import numpy as np
import pytest

from izwi import messages as m
from izwi.client_events import Speech
from izwi.latency import LatencyMeter
from izwi.pacing import SendClock


def clock_of(frames: int, start: float = 100.0) -> SendClock:
    """Frames of 100 ms, each sent when its last sample has been spoken."""
    clock = SendClock()
    for frame in range(1, frames + 1):
        clock.sent(1600, start + frame * 0.1)
    return clock


def speech(clause: int, samples: int, last: bool = False) -> Speech:
    return Speech(clause, "espeak", 22050, np.zeros(samples, np.int16), last)


def partial(utterance: int, committed: str, tentative: str) -> m.TranscriptPartialMessage:
    data = m.TranscriptPartial(utterance=utterance, committed=committed, tentative=tentative, language="en")
    return m.TranscriptPartialMessage(data=data)


def test_the_send_clock_gives_the_frame_that_holds_a_time() -> None:
    clock = clock_of(3)
    assert clock.samples == 4800
    assert clock.at(0.0) == pytest.approx(100.1)
    assert clock.at(0.1) == pytest.approx(100.1)
    assert clock.at(0.101) == pytest.approx(100.2)
    assert clock.at(9.0) == pytest.approx(100.3)
    assert SendClock().at(0.0) is None


def test_first_partial_counts_from_the_onset_to_the_first_text() -> None:
    meter = LatencyMeter(clock_of(50))
    meter.add(m.SpeechStartedMessage(data=m.SpeechBoundary(utterance=0, time_s=1.0)), 101.2)
    meter.add(partial(0, "", " "), 101.5)
    meter.add(partial(0, "", "I have"), 102.0)
    meter.add(partial(0, "I have", "a"), 103.0)
    committed = m.TranscriptCommitted(utterance=1, text="orphan", words=[], language="en")
    meter.add(m.TranscriptCommittedMessage(data=committed), 103.0)
    assert meter.first_partial == {0: pytest.approx(1.0)}


def test_final_counts_from_the_end_of_speech() -> None:
    meter = LatencyMeter(clock_of(50))
    data = m.TranscriptFinal(utterance=0, text="Yes.", start_s=1.0, end_s=2.0, language="en", engine="fw")
    meter.add(m.TranscriptFinalMessage(data=data), 102.75)
    assert meter.final_after_speech == {0: pytest.approx(0.75)}


def test_first_audio_counts_from_the_end_of_the_source_clause() -> None:
    meter = LatencyMeter(clock_of(50))
    data = m.TranslationCommitted(
        clause=4,
        utterance=0,
        source="yes",
        text="sí",
        source_language="en",
        target_language="es",
        start_s=0.5,
        end_s=1.5,
        engine="apertium",
    )
    meter.add(speech(3, 10), 101.0)
    meter.add(m.TranslationCommittedMessage(data=data), 102.0)
    meter.add(speech(4, 0), 102.2)
    meter.add(speech(4, 10), 102.5)
    meter.add(speech(4, 10), 103.5)
    assert meter.first_audio_after_clause == {4: pytest.approx(1.0)}


def test_a_summary_of_nothing_has_all_its_names() -> None:
    empty = LatencyMeter(SendClock()).summary()
    assert list(empty) == ["first_partial", "final_after_speech", "first_audio_after_clause"]
    assert all(value == {"p50": None, "p95": None} for value in empty.values())
