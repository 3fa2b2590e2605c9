"""What was committed is what was said, and stays: under any chunking, policy and load, alone or in company."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from izwi import messages as m
from izwi.batching import Batcher
from izwi.session_settings import SessionSettings
from izwi.settings import Settings
from izwi.stages import AsrRequest, AsrResult, Samples, Stages, Timing, Word
from tests.unit.scripted import VOCABULARY, Run, Script, hear, run, silence, speech

WORDS = st.sampled_from([*VOCABULARY, "one.", "seven,"])
PAUSES_S = st.sampled_from([0.0, 0.2, 0.3, 0.6, 1.1])
"""Within an utterance, on the verge of its end, and between two."""
Said = list[tuple[list[str], float]]
SAID = st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=20), PAUSES_S), min_size=1, max_size=3)
CHUNKS = st.builds(lambda sizes, last: [*sizes, last], st.lists(st.integers(1, 20_000)), st.integers(800, 20_000))
"""The last size goes on to the end: tiny ones there would only take time."""
LIMITS = st.builds(
    SessionSettings,
    policy=st.sampled_from(["agreement", "pause"]),
    update_ms=st.sampled_from([50, 300, 1500]),
    pause_ms=st.sampled_from([64, 200]),
    agreement_window=st.integers(1, 3),
    agreement_threshold=st.sampled_from([0.5, 0.7, 1.0]),
    trust_after_s=st.sampled_from([0.5, 2.0]),
    trim_s=st.sampled_from([2.0, 5.0, 9.0]),
    overlap_s=st.sampled_from([0.0, 0.5, 1.5]),
    max_window_s=st.sampled_from([4.5, 14.0, 28.0]),
    text_queue=st.sampled_from([1, 20]),
)
properties = hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def audio_of(said: Said) -> Samples:
    return np.concatenate([silence(0.5), *(part for words, s in said for part in (speech(*words), silence(s)))])


class Recogniser:
    """Takes a batch at a time, and between 0 and 10 chunks of audio to do so; ``mishears`` spoils its words."""

    def __init__(self, seed: int, mishears: bool = False) -> None:
        self._random = random.Random(seed)
        self._mishears = mishears
        self.turns: Batcher[AsrRequest, AsrResult] = Batcher(self._call, places=1, size=3)

    async def _call(self, requests: Sequence[AsrRequest], urgent: bool) -> list[AsrResult | Exception]:
        for _ in range(self._random.choice([0, 1, 20, 200])):
            await asyncio.sleep(0)
        return [AsrResult(tuple(self._hear(request)), "en", 0.95, Timing("scripted")) for request in requests]

    def _hear(self, request: AsrRequest) -> list[Word]:
        words = hear(request.samples)
        return [self._spoil(word) for word in words if self._random.random() > 0.1] if self._mishears else words

    def _spoil(self, word: Word) -> Word:
        text = word.text if self._random.random() > 0.2 else " " + self._random.choice(VOCABULARY)
        shift, confidence = self._random.uniform(-0.2, 0.2), self._random.random()
        return Word(text, max(0.0, word.start_s + shift), max(0.0, word.end_s + shift), confidence)


@dataclass
class Speaker(Script):
    """A session's stages, with a recogniser that others ask too."""

    recogniser: Recogniser | None = None

    def stages(self) -> Stages:
        assert self.recogniser
        return replace(super().stages(), asr=self.recogniser.turns.ask)


def assert_append_only(heard: Run) -> None:
    """Pieces join to the final text, and each partial transcript shows exactly the pieces before it."""
    joined: dict[int, str] = {}
    for message, _ in heard.events:
        match message:
            case m.TranscriptCommittedMessage(data=data):
                joined[data.utterance] = joined.get(data.utterance, "") + data.text
                assert data.text.strip() == "".join(word.text for word in data.words).strip()
            case m.TranscriptPartialMessage(data=data):
                assert data.committed == joined.get(data.utterance, "")
            case m.TranscriptFinalMessage(data=data):
                assert data.text == joined.get(data.utterance, "")
            case _:
                pass


def assert_said(heard: Run, said: Said) -> None:
    assert " ".join(heard.finals) == " ".join(word for words, _ in said for word in words)
    times = [word.start_s for event in heard.of(m.TranscriptCommittedMessage) for word in event.data.words]
    assert times == sorted(times)


async def listen(recogniser: Recogniser, said: Said, chunks: list[int], limits: SessionSettings) -> Run:
    settings = Settings(_env_file=None, session=limits)  # type: ignore[call-arg]
    async with asyncio.timeout(60):
        return await run(audio_of(said), Speaker(recogniser=recogniser), chunks, settings, target_language=None)


@properties
@given(said=SAID, chunks=CHUNKS, limits=LIMITS, seed=st.integers(0, 999))
async def test_a_perfect_recogniser_loses_and_adds_nothing(
    said: Said, chunks: list[int], limits: SessionSettings, seed: int
) -> None:
    heard = await listen(Recogniser(seed), said, chunks, limits)
    assert_append_only(heard)
    assert_said(heard, said)


@properties
@given(said=SAID, chunks=CHUNKS, limits=LIMITS, seed=st.integers(0, 999))
async def test_a_recogniser_that_changes_its_mind_takes_nothing_back(
    said: Said, chunks: list[int], limits: SessionSettings, seed: int
) -> None:
    heard = await listen(Recogniser(seed, mishears=True), said, chunks, limits)
    assert_append_only(heard)


@hypothesis_settings(properties, max_examples=30)
@given(everybody=st.lists(st.tuples(SAID, CHUNKS, LIMITS), min_size=2, max_size=3), seed=st.integers(0, 999))
async def test_speakers_in_one_batch_get_their_own_words(
    everybody: list[tuple[Said, list[int], SessionSettings]], seed: int
) -> None:
    recogniser = Recogniser(seed)
    heard = await asyncio.gather(*(listen(recogniser, *one) for one in everybody))
    for run_, (said, _, _) in zip(heard, everybody, strict=True):
        assert_append_only(run_)
        assert_said(run_, said)
    assert recogniser.turns.waiting == 0
