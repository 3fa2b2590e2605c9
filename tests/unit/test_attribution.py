"""Who said each utterance of a live session, with a stage that knows voices by how loud they are."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from izwi import messages as m
from izwi.attribution import MOST_VOICES, Voices
from izwi.audio import SAMPLE_RATE
from izwi.checkpoint import Checkpoint, Journal, Resumed
from izwi.errors import EngineFailed, ModelMissing
from izwi.session import Session
from izwi.settings import Settings
from izwi.speaker_sample import MOST, WINDOW, SpeakerSample
from izwi.stages import Samples, SpeakerRequest, SpeakerResult, Stages, Timing
from tests.clock import in_simulated_time
from tests.unit.scripted import Run, Script, run, silence, speech

ANA, BEN, CLEO, DAN, EVE = np.eye(5, dtype=np.float32)
LOW = speech("one", "two", "three", "one", "two.")
HIGH = speech("eight", "nine", "ten", "eight", "nine.")
SHORT = speech("ten.")
PAUSE = silence(0.8)


def between(one: np.ndarray, other: np.ndarray, similarity: float) -> np.ndarray:
    """A voice of that similarity to one, else like the other."""
    return (similarity * one + np.sqrt(1 - similarity**2) * other).astype(np.float32)


def number_of(voice: m.Voice | None) -> int | None:
    return None if voice is None else voice.number


def test_who_is_alike_is_the_same_and_who_is_not_is_somebody_else() -> None:
    voices = Voices({})
    said = [ANA, BEN, between(ANA, CLEO, 0.5), between(BEN, DAN, 0.35), between(BEN, EVE, 0.1)]
    assert [number_of(voices.join(vector[None], 2.0)) for vector in said] == [0, 1, 0, 1, 2]


def test_who_says_little_is_whoever_is_most_alike_or_nobody_yet() -> None:
    voices = Voices({})
    assert voices.join(CLEO[None], 1.0) is None
    assert number_of(voices.join(np.stack([ANA, ANA]), 3.0)) == 0
    known = voices.join(between(ANA, CLEO, 0.1)[None], 1.0)
    assert known is not None
    assert (known.number, known.windows) == (0, 2), "and is not taken for what the voice is like"


def test_voices_are_no_more_than_can_be_remembered() -> None:
    voices = Voices({})
    numbers = [number_of(voices.join(vector[None], 2.0)) for vector in np.eye(MOST_VOICES + 2, dtype=np.float32)]
    assert numbers[:MOST_VOICES] == list(range(MOST_VOICES))
    assert set(numbers[MOST_VOICES:]) < set(numbers[:MOST_VOICES])


def test_voices_of_another_model_are_not_compared() -> None:
    old = Voices({}).join(np.ones((1, 7), np.float32), 2.0)
    assert old is not None
    assert number_of(Voices({0: old}).join(ANA[None], 2.0)) == 1


@pytest.mark.parametrize(
    ("seconds", "lengths"),
    [(0.2, []), (0.3, [0.3]), (1.5, [1.5]), (1.7, [1.5]), (1.8, [1.5, 1.5]), (3.2, [1.5, 1.5]), (60, [1.5] * 8)],
)
def test_speech_is_cut_into_windows(seconds: float, lengths: list[float]) -> None:
    said = SpeakerSample(skip=100)
    sound = np.arange(100 + round(seconds * SAMPLE_RATE), dtype=np.float32)
    for begin in range(0, len(sound), 512):
        said.add(sound[begin : begin + 512])
    windows = said.windows()
    assert [len(window) for window in windows] == [round(SAMPLE_RATE * length) for length in lengths]
    if windows:
        assert windows[0][0] == 100
        assert windows[-1][-1] == min(len(sound), 100 + MOST) - 1 or seconds % 1.5 < 0.3
    assert WINDOW == 1.5 * SAMPLE_RATE


@dataclass
class Voiced(Script):
    """Low words are one voice, high ones another."""

    answer: Callable[[SpeakerRequest], Exception | None] = lambda request: None
    heard: list[SpeakerRequest] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go.set()

    def stages(self) -> Stages:
        return replace(super().stages(), speakers=self._speakers)

    async def _speakers(self, request: SpeakerRequest) -> SpeakerResult:
        self.heard.append(request)
        await self.go.wait()
        if (error := self.answer(request)) is not None:
            raise error
        vectors = tuple(ANA if abs(window).mean() < 0.25 else BEN for window in request.windows)
        return SpeakerResult(vectors, Timing("scripted-speakers", compute_s=0.01))


def talk(*parts: Samples) -> Samples:
    return np.concatenate([PAUSE, *(sound for part in parts for sound in (part, PAUSE))])


def labels(heard: Run) -> dict[int, str | None]:
    return {event.data.utterance: event.data.speaker for event in heard.of(m.TranscriptSpeakerMessage)}


async def test_each_utterance_is_somebodys() -> None:
    heard = await run(talk(LOW, HIGH, LOW, SHORT), Voiced(), with_speaker=True, debug=True)
    assert labels(heard) == {0: "SPEAKER_00", 1: "SPEAKER_01", 2: "SPEAKER_00", 3: "SPEAKER_01"}
    kinds = [(type(event), getattr(event.data, "utterance", None)) for event, _ in heard.events]
    for utterance in range(4):
        final = kinds.index((m.TranscriptFinalMessage, utterance))
        assert kinds.index((m.TranscriptSpeakerMessage, utterance)) > final
    assert kinds[-1][0] is m.SessionEndedMessage
    metas = [event.data.meta for event in heard.of(m.TranscriptFinalMessage) + heard.of(m.SessionEndedMessage)]
    assert sum(meta.timings_ms["speakers"].compute for meta in metas if "speakers" in meta.timings_ms) == 40


async def test_nobody_is_asked_for_unless_wanted() -> None:
    script = Voiced()
    heard = await run(talk(LOW), script)
    assert not script.heard
    assert labels(heard) == {}


@in_simulated_time
async def test_no_transcript_waits_for_a_stage_that_starts_only_now() -> None:
    script = Voiced()
    script.go.clear()

    running = asyncio.create_task(run(talk(LOW, HIGH), script, with_speaker=True))
    done, _ = await asyncio.wait([running], timeout=1.0)
    assert not done, "the end waits for it"
    script.go.set()
    heard = await running
    kinds = [type(event) for event, _ in heard.events]
    assert kinds.index(m.TranscriptSpeakerMessage) > len(kinds) - 1 - kinds[::-1].index(m.TranscriptFinalMessage)
    assert labels(heard) == {0: "SPEAKER_00", 1: "SPEAKER_01"}


async def test_a_stage_that_fails_is_told_once_and_the_session_goes_on() -> None:
    heard = await run(talk(LOW, HIGH, LOW), Voiced(answer=lambda request: EngineFailed("down")), with_speaker=True)
    assert labels(heard) == {0: None, 1: None, 2: None}
    assert [event.data.code for event in heard.of(m.ErrorMessage)] == ["engine_failed"]
    assert not heard.of(m.ErrorMessage)[0].data.fatal
    assert len(heard.finals) == 3


async def test_a_server_without_the_stage_says_so_once() -> None:
    heard = await run(talk(LOW, HIGH), Script(), with_speaker=True)
    assert [event.data.code for event in heard.of(m.ErrorMessage)] == [ModelMissing.code]
    assert labels(heard) == {0: None, 1: None}


async def test_a_stage_that_works_again_is_used_again() -> None:
    script = Voiced()
    script.answer = lambda request: EngineFailed("down") if len(script.heard) == 1 else None
    heard = await run(talk(LOW, HIGH, LOW), script, with_speaker=True)
    assert labels(heard) == {0: None, 1: "SPEAKER_00", 2: "SPEAKER_01"}


async def test_after_an_interruption_voices_are_known_by_what_they_were_called() -> None:
    start = m.SessionStart(source_language="en", speech=False, with_speaker=True)
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    audio = talk(LOW, HIGH, LOW, HIGH)
    journal = Journal(settings.session.clause_max_words, translates=False)
    told: list[tuple[int, str | None]] = []

    async def live(until: int) -> None:
        """One replica's share of the audio."""
        state = Checkpoint.model_validate_json(journal.checkpoint.model_dump_json())  # as Redis has it

        async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
            if isinstance(message, m.SessionEndedMessage):
                return
            journal.fold(message.model_copy(update={"seq": journal.checkpoint.seq + message.durable}))
            if isinstance(message, m.TranscriptSpeakerMessage):
                told.append((message.data.utterance, message.data.speaker))

        session = Session(start, settings, Voiced().stages(), emit, resumed=Resumed(state))

        async def stream() -> AsyncIterator[Samples]:
            for begin in range(session.position, until, 1600):
                yield audio[begin : min(until, begin + 1600)]
                for _ in range(20):
                    await asyncio.sleep(0)

        await session.run(stream())

    await live(2 * (len(LOW) + len(PAUSE)) + len(PAUSE) // 2)
    await live(len(audio))
    assert told == [(0, "SPEAKER_00"), (1, "SPEAKER_01"), (2, "SPEAKER_00"), (3, "SPEAKER_01")]
    assert {number: voice.windows for number, voice in journal.checkpoint.voices.items()} == {0: 4, 1: 4}


def test_what_a_voice_is_like_is_not_sent() -> None:
    voice = Voices({}).join(np.stack([ANA]), 2.0)
    message = m.TranscriptSpeakerMessage(data=m.TranscriptSpeaker(utterance=0, speaker="SPEAKER_00", voice=voice))
    assert voice is not None
    assert voice.mean not in message.model_dump_json()
    assert voice.mean not in repr(message)
    assert m.parse_server(message.model_dump_json()) == message.model_copy(
        update={"data": m.TranscriptSpeaker(utterance=0, speaker="SPEAKER_00")}
    )
