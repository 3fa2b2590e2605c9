"""What a live user of a load test says, and which of it was heard."""

import random
from itertools import pairwise

import numpy as np
import pytest

from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from loadtests.corpus import Clip
from loadtests.reference import Reference
from loadtests.swarm.notes import Notes
from loadtests.swarm.script import LEAST_PAUSE_S, Script
from loadtests.swarm.tally import Tally
from loadtests.swarm.words import Words

CHUNK = SAMPLE_RATE // 10
NOISE = np.full(SAMPLE_RATE, 0.001, np.float32)


def clip(name: str, seconds: float) -> Clip:
    return Clip(name, "one two", np.full(int(seconds * SAMPLE_RATE), 0.5, np.float32))


CLIPS = [clip("a", 2.0), clip("b", 3.0), clip("c", 4.0)]


def script(duty: float = 0.25, seed: int = 1) -> Script:
    return Script(CLIPS, duty, NOISE, random.Random(seed))


def test_the_share_of_speech_is_what_was_asked_for() -> None:
    for duty in (0.1, 0.33, 0.6):
        made = script(duty)
        speech = [made.read(CHUNK)[1] for _ in range(6000)]
        assert np.mean(speech) == pytest.approx(duty, rel=0.25)


def test_turns_lie_where_they_say_and_the_room_is_never_silent() -> None:
    made = script()
    audio = np.concatenate([made.read(CHUNK)[0] for _ in range(600)])
    assert made.position == len(audio) == 60 * SAMPLE_RATE
    assert made.said()
    assert float(np.abs(audio).min()) > 0
    for turn in made.said():
        assert audio[turn.start : turn.start + len(turn.clip.samples)] == pytest.approx(0.501)
        assert audio[turn.start - 1] == pytest.approx(0.001)


def test_turns_are_apart_and_all_recordings_come() -> None:
    made = script(duty=0.9)
    for _ in range(600):
        made.read(CHUNK)
    turns = made.turns
    for one, after in pairwise(turns):
        assert after.start - one.start - len(one.clip.samples) >= LEAST_PAUSE_S * SAMPLE_RATE
    assert {turn.clip.name for turn in turns} == {"a", "b", "c"}


def test_one_may_leave_between_turns_only() -> None:
    made = script()
    for _ in range(600):
        before = made.position
        _, speech = made.read(CHUNK)
        inside = any(t.start < made.position < t.start + len(t.clip.samples) for t in made.turns)
        assert made.silent is not inside
        assert not speech or made.position > before


def started(utterance: int, time_s: float) -> m.SpeechStartedMessage:
    return m.SpeechStartedMessage(data=m.SpeechBoundary(utterance=utterance, time_s=time_s))


def partial(utterance: int, tentative: str) -> m.TranscriptPartialMessage:
    data = m.TranscriptPartial(utterance=utterance, committed="", tentative=tentative, language="en")
    return m.TranscriptPartialMessage(data=data)


def committed(utterance: int, text: str) -> m.TranscriptCommittedMessage:
    data = m.TranscriptCommitted(utterance=utterance, text=text, words=[], language="en")
    return m.TranscriptCommittedMessage(data=data)


def final(utterance: int, text: str, end_s: float) -> m.TranscriptFinalMessage:
    data = m.TranscriptFinal(utterance=utterance, text=text, start_s=0, end_s=end_s, language="en", engine="e")
    return m.TranscriptFinalMessage(data=data)


def heard(turns: int) -> tuple[Words, Notes, list[float]]:
    """A listener to a script that has been read until so many turns were said, and where they begin, in seconds."""
    made = script()
    while len(made.said()) < turns:
        made.read(CHUNK)
    reference = Reference("One two.", 0.1, 1.9, [("one", 1.0), ("two", 1.8)])
    notes = Notes(clock=lambda: 0.0)
    words = Words(100.0, made, {one.name: reference for one in CLIPS}, notes)
    return words, notes, [turn.start / SAMPLE_RATE for turn in made.turns]


def tallied(notes: Notes) -> Tally:
    tally = Tally()
    tally.add(notes.drain())
    return tally


def test_words_count_from_when_they_were_due() -> None:
    words, notes, starts = heard(1)
    begin = 100.0 + starts[0]
    words.note(started(0, starts[0]), begin + 0.5)
    words.note(partial(0, "one"), begin + 1.5)
    words.note(committed(0, "One two."), begin + 2.5)
    words.note(final(0, "One two.", starts[0] + 1.9), begin + 2.5)
    words.close()
    found = tallied(notes)
    assert sorted(found.values("word_shown")) == pytest.approx([0.5, 0.7])
    assert sorted(found.values("word_committed")) == pytest.approx([0.7, 1.5])
    assert found.values("first_partial") == pytest.approx([1.4])
    assert found.values("final_lag") == pytest.approx([0.6])
    assert (found.counts["words said"], found.counts["words right"]) == (2, 2)


def test_a_turn_is_judged_once_the_next_one_begins_and_its_utterances_are_over() -> None:
    words, notes, starts = heard(3)
    words.note(started(0, starts[0]), 101.0)
    words.note(final(0, "One", 0), 102.0)
    words.note(started(1, starts[0] + 1.0), 102.0)
    words.note(started(2, starts[1]), 103.0)
    assert tallied(notes).counts["words said"] == 0, "one utterance of the first turn is open"
    words.note(final(1, "two", 0), 104.0)
    words.note(final(2, "one two", 0), 105.0)
    first = tallied(notes)
    assert (first.counts["words said"], first.counts["words right"]) == (2, 2)
    words.note(started(3, starts[2]), 106.0)
    words.note(final(3, "one too", 0), 107.0)
    assert tallied(notes).counts["words right"] == 2
    words.close()
    last = tallied(notes)
    assert (last.counts["words said"], last.counts["words right"]) == (2, 1)


def test_a_turn_that_nobody_heard_counts_as_said() -> None:
    words, notes, starts = heard(2)
    words.note(started(0, starts[1]), 101.0)
    words.note(final(0, "one two", 0), 102.0)
    words.close()
    found = tallied(notes)
    assert (found.counts["words said"], found.counts["words right"]) == (4, 2)


def test_sounds_before_any_turn_are_nobodys_words() -> None:
    words, notes, starts = heard(1)
    assert starts[0] > 1.0
    words.note(started(0, 0.1), 100.2)
    words.note(partial(0, "one two"), 100.3)
    words.note(final(0, "one two", 0.3), 100.5)
    words.close()
    assert tallied(notes).counts["words right"] == 0


def test_errors_and_load_are_told() -> None:
    words, notes, _ = heard(1)
    data = m.ErrorData(code="engine_failed", message="no", retryable=True, fatal=False, request_id="r")
    words.note(m.ErrorMessage(data=data), 101.0)
    words.note(m.SessionLoadMessage(data=m.SessionLoad(level="stretched", update_ms=700)), 101.0)
    found = tallied(notes)
    assert found.errors == {"engine_failed": 1}
    assert found.counts["load: stretched"] == 1
