"""What a witness notices, and how the report judges it."""

from dataclasses import replace

import numpy as np
import pytest

from izwi import messages as m
from izwi.client_events import Event, Speech
from loadtests.chaos.report import Outcome, conclusion, table
from loadtests.chaos.witness import Witness
from loadtests.corpus import Clip, Placed

CLIP = Clip("a", "one two three", np.zeros(16_000, np.float32))
PLACED = [Placed(CLIP, 8_000), Placed(CLIP, 32_000)]


def committed(seq: int, utterance: int, text: str) -> m.TranscriptCommittedMessage:
    data = m.TranscriptCommitted(utterance=utterance, text=text, words=[], language="en")
    return m.TranscriptCommittedMessage(data=data, seq=seq)


def final(seq: int, utterance: int, text: str, start_s: float = 0.5) -> m.TranscriptFinalMessage:
    data = m.TranscriptFinal(
        utterance=utterance, text=text, start_s=start_s, end_s=start_s + 1, language="en", engine="e"
    )
    return m.TranscriptFinalMessage(data=data, seq=seq)


def ended(seq: int) -> m.SessionEndedMessage:
    return m.SessionEndedMessage(data=m.SessionEnded(reason="end", audio_s=3, utterances=1, clauses=0), seq=seq)


GOOD: list[Event] = [committed(1, 0, "one two"), committed(2, 0, " three"), final(3, 0, "one two three"), ended(4)]


def test_a_witness_of_nothing_wrong() -> None:
    assert Witness(PLACED, GOOD).broken() == []


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([GOOD[0], *GOOD[2:]], "durable events"),
        ([*GOOD[:2], GOOD[1], *GOOD[2:]], "durable events"),
        ([GOOD[0], committed(2, 0, " four"), *GOOD[2:]], "differ"),
        ([*GOOD[:3], final(4, 0, "one two three"), ended(5)], "twice"),
        ([final(1, 1, ""), ended(2)], "out of order"),
        (GOOD[:3], "not ended"),
    ],
)
def test_a_witness_of_something_lost_or_repeated(events: list[Event], complaint: str) -> None:
    assert any(complaint in found for found in Witness(PLACED, events).broken())


def said(clause: int, last: bool = False) -> Speech:
    return Speech(clause, "piper", 24_000, np.zeros(0 if last else 240, np.int16), last)


def translated(seq: int, clause: int) -> m.TranslationCommittedMessage:
    languages = {"source_language": "en", "target_language": "es"}
    data = m.TranslationCommitted(
        clause=clause, utterance=0, source="one", text="uno", start_s=0.5, end_s=0.8, engine="e", **languages
    )
    return m.TranslationCommittedMessage(data=data, seq=seq)


@pytest.mark.parametrize(
    ("speech", "complaint"),
    [
        ([said(7), said(7), said(7, last=True)], None),
        ([said(7)], "clauses [7] were not said"),
        ([], "clauses [7] were not said"),
        ([said(7), said(7, last=True), said(7)], "clause 7 was said on"),
        ([m.SpeechSkippedMessage(data=m.SpeechSkipped(clause=7, reason="late"), seq=4)], None),
    ],
)
def test_a_witness_hears_every_clause(speech: list[Event], complaint: str | None) -> None:
    durable = sum(not isinstance(event, Speech) for event in speech)
    events = [*GOOD[:2], translated(3, 7), *speech, final(4 + durable, 0, "one two three"), ended(5 + durable)]
    found = Witness(PLACED, events, spoken=True).broken()
    assert found == ([] if complaint is None else [complaint + found[0].removeprefix(complaint)])
    assert Witness(PLACED, events).broken() == []


def test_words_count_where_their_clip_was_sent_whole() -> None:
    events: list[Event] = [final(1, 0, "one two"), final(2, 1, "one three three", 2.0), ended(3)]
    assert Witness(PLACED, events, sent=24_000).errors() == (1, 3)
    assert Witness(PLACED, events, sent=48_000).errors() == (2, 6)
    assert Witness(PLACED, events, sent=100).errors() == (0, 0)


def test_the_first_resume_after_each_strike_counts() -> None:
    witness = Witness(PLACED, resumed_at=[10.5, 10.9, 31.0])
    assert witness.resumes_after([10.0, 20.0, 30.0]) == pytest.approx([0.5, 1.0])


FINE = Outcome("reset", 5, 20, 0.2, 0.5, 1.0, 400, 5.0, ["asr"], [])


def test_the_report_judges_promises_times_and_words() -> None:
    calm = replace(FINE, name="calm", strikes=0, bound_s=None)
    assert FINE.failures(calm) == []
    assert replace(FINE, resume_p95_s=1.2).failures(calm) == ["sessions went on after 1.20 s (p95), not within 1 s"]
    assert replace(FINE, resume_p95_s=None).failures(calm) == ["sessions went on after – (p95), not within 1 s"]
    assert replace(FINE, wer=9.5).failures(calm) == ["9.5 % of the words are wrong, 5.0 % without faults"]
    assert replace(FINE, broken=["lost"]).failures(calm) == ["lost"]
    assert "| reset | 5 | 20 | 0.20 / 0.50 | 1 | asr | 400 | 5.0 | 0 |" in table([FINE])
    assert "nothing lost, nothing twice" in conclusion(FINE)
