"""A session that is interrupted anywhere and goes on from its event log says what it would have said, once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from izwi import messages as m
from izwi.checkpoint import Checkpoint, Journal, Resumed
from izwi.session import Session
from izwi.settings import Settings
from izwi.stages import Samples
from tests.unit.scripted import Script, silence, speech

SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
START = m.SessionStart(source_language="en", target_language="es")
AUDIO = np.concatenate(
    [
        silence(1.0),
        speech("one", "two", "three,", "four", "five."),
        silence(0.8),
        speech("six", "seven.", "eight", "nine", "ten", "one", "two", "three", "four", "five,", "six"),
        silence(0.6),
        speech("nine."),
        silence(0.5),
    ]
)


class Crash(Exception):
    pass


@dataclass
class Life:
    """What outlives a replica: the event log and the offset it has acknowledged; and what the client has."""

    journal: Journal = field(default_factory=lambda: Journal(SETTINGS.session.clause_max_words, translates=True))
    log: list[m.ServerMessage] = field(default_factory=list)
    speech: dict[int, int] = field(default_factory=dict)
    """Samples heard per clause."""
    closed: int = 0
    """Clauses heard to their end, or merged, or skipped."""
    speed: float = 1.0

    async def live(self, audio: Samples, crash_after: int | None) -> int:
        """One replica's share: until the end, or until so many events; returns how many there were."""
        count, seq = 0, self.log[-1].seq if self.log else 0
        resumed = Resumed(
            self.journal.checkpoint.model_copy(deep=True), self.closed, self.speech.get(self.closed, 0), self.speed
        )

        async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
            nonlocal count, seq
            if count == crash_after:
                raise Crash
            count += 1
            seq += message.durable
            message = message.model_copy(update={"seq": seq})
            if message.durable:
                self.log.append(message)
            self.journal.fold(message)
            match message:
                case m.AudioProgressMessage(data=data):
                    self.journal.checkpoint.acknowledged = data.acknowledged_samples
                case m.SpeechAudioMessage(data=data):
                    self.speech[data.clause] = self.speech.get(data.clause, 0) + data.samples
                    self.closed = data.clause + 1 if data.last else self.closed
                    self.speed = data.speed
                case _:
                    pass

        session = Session(START, SETTINGS, Script().stages(), emit, resumed=resumed)

        async def stream() -> AsyncIterator[Samples]:
            for begin in range(session.position, len(audio), 1600):
                yield audio[begin : begin + 1600]
                for _ in range(20):
                    await asyncio.sleep(0)

        try:
            await session.run(stream())
        except* Crash:
            pass
        return count

    def said(self) -> tuple[list[str], list[tuple[int, str]], dict[int, int]]:
        finals = [e.data.text for e in self.log if isinstance(e, m.TranscriptFinalMessage)]
        translations = [(e.data.clause, e.data.text) for e in self.log if isinstance(e, m.TranslationCommittedMessage)]
        return finals, translations, self.speech

    def committed(self) -> list[str]:
        texts: dict[int, str] = {}
        for event in self.log:
            if isinstance(event, m.TranscriptCommittedMessage):
                texts[event.data.utterance] = texts.get(event.data.utterance, "") + event.data.text
        return list(texts.values())


async def test_going_on_after_any_event_loses_and_repeats_nothing() -> None:
    whole = Life()
    events = await whole.live(AUDIO, None)
    assert whole.said()[0] == [
        "one two three, four five.",
        "six seven. eight nine ten one two three four five, six",
        "nine.",
    ]
    for crash_after in range(events):
        life = Life()
        await life.live(AUDIO, crash_after)
        await life.live(AUDIO, None)
        assert life.said() == whole.said(), crash_after
        assert life.committed() == whole.committed(), crash_after
        numbers = [event.seq for event in life.log]
        assert numbers == list(range(1, len(numbers) + 1)), crash_after
        begun = [event.data.utterance for event in life.log if isinstance(event, m.SpeechStartedMessage)]
        assert begun == [0, 1, 2], crash_after


@pytest.mark.parametrize("seed", range(20))
async def test_going_on_again_and_again(seed: int) -> None:
    whole = Life()
    events = await whole.live(AUDIO, None)
    rng, life = np.random.default_rng(seed), Life()
    for _ in range(5):
        await life.live(AUDIO, int(rng.integers(events // 3)))
        life.journal.checkpoint.over = False
    if not any(isinstance(event, m.SessionEndedMessage) for event in life.log):
        await life.live(AUDIO, None)
    assert life.said() == whole.said()


async def test_the_log_tells_all_that_the_checkpoint_knows() -> None:
    """A replica that folds the stored events again comes to what the first one knew, but for the offset."""
    life = Life()
    await life.live(AUDIO, 60)
    again = Journal(SETTINGS.session.clause_max_words, translates=True)
    for event in life.log:
        again.fold(m.parse_server(event.model_dump_json()))
    assert again.checkpoint == life.journal.checkpoint.model_copy(update={"acknowledged": 0})


def test_a_checkpoint_travels_as_json() -> None:
    state = Checkpoint(seq=3, words=[m.WordData(text=" a", start_s=0, end_s=1, confidence=0.5)], onsets={2: 700})
    assert Checkpoint.model_validate_json(state.model_dump_json()) == state
