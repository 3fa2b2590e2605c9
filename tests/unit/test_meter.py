from typing import Any, ClassVar

import numpy as np
import pytest

from deployments.ingress.intake import Intake
from deployments.ingress.meter import Meter
from deployments.ingress.metrics import Metrics
from deployments.ingress.outbox import Outbox
from izwi import events
from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.backlog import Pace
from izwi.load import Level, LoadState
from izwi.settings import Settings
from izwi.stages import Timing, TtsChunk
from izwi.utterance import Due, Window
from loadtests.swarm.chunks import Processing
from tests.metrics import value

PIECE_S = 0.1


class Speaker:
    """One session whose audio comes on a clock of its own."""

    def __init__(self, **settings_tree: Any) -> None:
        settings = Settings(_env_file=None, **settings_tree)  # type: ignore[call-arg]
        self.metrics = Metrics()
        self.now = 100.0
        self.intake = Intake(settings, 15.0, lambda: self.now)
        self.intake.open(m.AudioFormat())
        outbox = Outbox(None, 20)  # type: ignore[arg-type]
        self.meter = Meter(self.metrics, self.intake, outbox, settings, lambda: self.now)
        self.sent: list[m.ServerMessage] = []
        self.emit = self.meter.told(self._emit)

    async def _emit(self, message: m.ServerMessage, payload: bytes | None) -> None:
        self.sent.append(message)

    def speaks(self, seconds: float, pace: float = 1.0) -> None:
        for _ in range(round(seconds / PIECE_S)):
            self.now += PIECE_S / pace
            self.intake.push(np.zeros(round(PIECE_S * SAMPLE_RATE), "<i2").tobytes())

    def passed(self, start_s: float, fresh_s: float, gathers_s: float = 0.3, final: bool = False) -> None:
        """A pass over new audio only, due when so much of it was there."""
        samples = np.zeros(round(fresh_s * SAMPLE_RATE), np.float32)
        start = round(start_s * SAMPLE_RATE)
        end = start + len(samples)
        heard = Window(samples, start, final=final, pause=final, speech_end=end, fresh=len(samples))
        self.meter.passed(heard, Due(final, start + round(gathers_s * SAMPLE_RATE)))

    def figure(self, name: str, **labels: str) -> float:
        return value(self.metrics.exposition().decode(), name, **labels)

    def count(self, name: str, most: float) -> tuple[float, float]:
        """Observations up to a bound, and all."""
        return self.figure(f"{name}_bucket", le=str(most)), self.figure(f"{name}_count")


def committed(*ends_s: float) -> m.TranscriptCommittedMessage:
    words = [m.WordData(text=" a", start_s=end - 0.1, end_s=end, confidence=1.0) for end in ends_s]
    return m.TranscriptCommittedMessage(data=m.TranscriptCommitted(utterance=0, text=" a", words=words, language="en"))


def final(end_s: float) -> m.TranscriptFinalMessage:
    return m.TranscriptFinalMessage(
        data=m.TranscriptFinal(utterance=0, text="a", start_s=0, end_s=end_s, language="en", engine="x")
    )


def translated(clause: int, end_s: float) -> m.TranslationCommittedMessage:
    data = m.TranslationCommitted(
        clause=clause, utterance=0, source="a", text="b", source_language="en", target_language="es",
        start_s=0, end_s=end_s, engine="x",
    )  # fmt: skip
    return m.TranslationCommittedMessage(data=data)


def spoken(clause: int) -> m.SpeechAudioMessage:
    return events.speech(clause, TtsChunk(np.zeros(10, np.int16), 24_000, Timing("x")), Pace(1.0, 0.0))


async def test_words_are_as_late_as_their_end_is_old() -> None:
    speaker = Speaker()
    speaker.speaks(2.0)
    speaker.now += 0.25
    await speaker.emit(committed(1.0, 1.9, 2.0), None)
    assert len(speaker.sent) == 1
    assert speaker.figure("izwi_word_lag_seconds_sum") == pytest.approx(1.25 + 0.35 + 0.25)
    await speaker.emit(final(1.6), None)
    assert speaker.figure("izwi_final_lag_seconds_sum") == pytest.approx(0.65)


async def test_speech_is_as_late_as_the_end_of_its_clause_is_old_and_counts_once() -> None:
    speaker = Speaker()
    speaker.speaks(2.0)
    await speaker.emit(translated(0, 1.5), None)
    await speaker.emit(translated(1, 1.8), None)
    speaker.now += 0.5
    await speaker.emit(events.skipped(1, "why"), None)
    for clause in (0, 0, 1):
        await speaker.emit(spoken(clause), None)
    assert speaker.figure("izwi_speech_lag_seconds_count") == 1
    assert speaker.figure("izwi_speech_lag_seconds_sum") == pytest.approx(1.0)


async def test_nobody_waits_for_what_came_ahead_of_time() -> None:
    speaker = Speaker()
    speaker.speaks(12.0, pace=50)
    speaker.now += 3.0
    await speaker.emit(committed(8.0, 11.0), None)
    await speaker.emit(final(11.5), None)
    speaker.passed(11.0, 1.0)
    for name in ("word_lag", "final_lag", "chunk", "update_period"):
        assert speaker.figure(f"izwi_{name}_seconds_count") == 0, name


def test_a_pass_that_comes_late_covers_chunks_that_have_waited() -> None:
    speaker = Speaker()
    speaker.speaks(0.3)
    speaker.now += 0.15
    speaker.passed(0.0, 0.3)
    assert speaker.count("izwi_chunk_seconds", 0.2) == (1, 1)
    speaker.speaks(1.2)
    speaker.now += 0.15
    speaker.passed(0.3, 1.2)
    assert speaker.count("izwi_chunk_seconds", 0.5) == (3, 5)
    assert speaker.figure("izwi_chunk_seconds_sum") == pytest.approx(0.15 + 0.15 + 0.45 + 0.75 + 0.95)
    assert speaker.figure("izwi_update_period_seconds_sum") == pytest.approx(1.5)


def test_what_is_gathered_on_purpose_makes_no_chunk_late() -> None:
    speaker = Speaker()
    speaker.speaks(1.2)
    speaker.now += 0.15
    speaker.passed(0.0, 1.2, gathers_s=1.2)
    assert speaker.figure("izwi_chunk_seconds_sum") == pytest.approx(4 * 0.15)
    assert speaker.figure("izwi_update_period_seconds_sum") == pytest.approx(1.2), "it stretches all the same"


def test_the_silence_that_ends_an_utterance_makes_no_chunk_late() -> None:
    speaker = Speaker()
    speaker.speaks(0.9)
    speaker.now += 0.15
    speaker.passed(0.0, 0.9, gathers_s=0.9, final=True)
    assert speaker.figure("izwi_chunk_seconds_sum") == pytest.approx(3 * 0.15)


def test_a_chunk_takes_as_long_as_the_load_test_says() -> None:
    """In the same session: passes spaced, the last one late; chunks and the detector's steps as long as pieces."""
    speaker = Speaker(session={"update_ms": 100}, vad={"hop_ms": 100})
    began = speaker.now
    client = Processing(PIECE_S, PIECE_S, due=lambda time_s: began + time_s)
    client.onset(0.0)
    for number in range(1, 41):
        client.sent(number * PIECE_S)
    heard, times = 0.0, list[float]()
    for gathers_s, fresh_s, taken_s in ((0.3, 0.4, 0.1), (0.6, 0.7, 0.2), (1.2, 1.3, 0.2), (0.9, 1.6, 0.3)):
        speaker.speaks(heard + fresh_s + taken_s - (speaker.now - began))
        speaker.passed(heard, fresh_s, gathers_s)
        heard += fresh_s
        times += client.heard(heard, heard - fresh_s + gathers_s, speaker.now)
    assert speaker.figure("izwi_chunk_seconds_count") == len(times) == 40
    assert speaker.figure("izwi_chunk_seconds_sum") == pytest.approx(sum(times))
    assert speaker.count("izwi_chunk_seconds", 0.5) == (sum(time_s < 0.5 for time_s in times), 40)


async def test_a_session_that_is_degraded_is_counted_as_what_it_is_until_it_ends() -> None:
    speaker = Speaker()

    def degraded() -> tuple[float, float]:
        counts = [speaker.figure("izwi_degraded_sessions", level=level) for level in ("stretched", "captions_only")]
        return counts[0], counts[1]

    for level, counts in ((Level.STRETCHED, (1, 0)), (Level.CAPTIONS_ONLY, (0, 1)), (Level.NORMAL, (0, 0))):
        await speaker.emit(events.load(LoadState(level, 1.0)), None)
        assert degraded() == counts
    await speaker.emit(events.load(LoadState(Level.STRETCHED, 1.0)), None)
    speaker.meter.close()
    assert degraded() == (0, 0)


class Running:
    depths: ClassVar = {"utterances": (0, 20), "clauses": (5, 20), "translations": (20, 20)}


def test_queues_are_told_while_the_session_lives() -> None:
    speaker = Speaker()
    speaker.meter.watch(Running())  # type: ignore[arg-type]
    speaker.speaks(3.0)
    assert speaker.figure("izwi_queue_depth", queue="audio") == 6
    assert speaker.figure("izwi_queue_depth", queue="clauses") == 5
    assert speaker.figure("izwi_queue_fullest_ratio", queue="clauses") == 0.25
    assert speaker.figure("izwi_queue_fullest_ratio", queue="translations") == 1.0
    speaker.meter.close()
    assert speaker.figure("izwi_queue_depth") == 0
