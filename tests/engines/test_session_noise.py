"""Rooms: long silences, bursts of noise and clicks, among them sentences that must come out as if there were none."""

import jiwer
import numpy as np
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from izwi import messages as m
from izwi.stages import Samples
from tests.engines.live import RATE, Engines, listen
from tests.speech import ENGLISH, NOISES, Clip, load, needs_english, needs_noises
from tests.unit.scripted import Run

normalise = EnglishTextNormalizer()
SENTENCES = {clip.path.stem: clip for clip in ENGLISH if clip.path.stem.startswith("spk1")}
"""2 to 3 s each, all of which the base model knows but for a misspelt ``tue``."""


def room(seconds: float, seed: int = 0) -> Samples:
    """-50 dBFS of hiss: louder than a studio, as loud as an office."""
    return np.random.default_rng(seed).normal(0, 0.003, round(seconds * RATE)).astype(np.float32)


def clicks(audio: Samples, count: int, peak: float) -> Samples:
    """Keys struck at random times: 5 ms each."""
    rng, audio = np.random.default_rng(1), audio.copy()
    for begin in rng.integers(0, len(audio) - 80, count):
        audio[begin : begin + 80] += rng.normal(0, peak, 80) * np.exp(-np.arange(80) / 20)
    return audio.clip(-1, 1)


class Scene:
    """Audio piece by piece, and what is said when."""

    def __init__(self) -> None:
        self.parts: list[Samples] = []
        self.said: list[tuple[str, float, float]] = []

    @property
    def seconds(self) -> float:
        return sum(map(len, self.parts)) / RATE

    def add(self, *parts: Samples) -> "Scene":
        self.parts += parts
        return self

    def say(self, clip: Clip) -> "Scene":
        begin = self.seconds
        self.add(load(clip.path))
        self.said.append((clip.text, begin, self.seconds))
        return self

    def check(self, heard: Run) -> str:
        """Each sentence is right and in its time. Returns what else was heard."""
        finals = [event.data for event in heard.of(m.TranscriptFinalMessage)]
        inside = [[f for f in finals if begin <= f.start_s and f.end_s <= end + 0.3] for _, begin, end in self.said]
        texts = [normalise(" ".join(final.text for final in found)) for found in inside]
        assert jiwer.wer([normalise(text) for text, _, _ in self.said], texts) <= 0.05, texts
        for (_, begin, end), found in zip(self.said, inside, strict=True):
            assert found[0].start_s < begin + 0.6, "the clips begin with some silence"
            assert found[-1].end_s > end - 0.7
        for event in heard.of(m.TranscriptCommittedMessage):
            final = finals[event.data.utterance]
            assert all(final.start_s - 0.4 <= w.start_s <= w.end_s <= final.end_s + 0.4 for w in event.data.words)
        return " ".join(final.text for final in finals if not any(final in found for found in inside))


@needs_english
async def test_two_minutes_of_an_empty_room_between_two_sentences_say_nothing() -> None:
    scene = Scene().add(room(1)).say(SENTENCES["spk1_snt3"]).add(room(120)).say(SENTENCES["spk1_snt5"]).add(room(1))
    engines = Engines()
    heard = await listen(engines, np.concatenate(scene.parts))
    assert scene.check(heard) == ""
    assert len(heard.of(m.SpeechStartedMessage)) == 2
    assert sum(len(request.samples) for request in engines.asked) < 60 * RATE, "silence is not recognised"


@needs_english
@needs_noises
async def test_bursts_of_noise_between_sentences_are_not_words() -> None:
    scene = Scene().add(room(0.5))
    for number, (path, clip) in enumerate(zip(NOISES, SENTENCES.values(), strict=True)):
        noise = 0.5 * load(path)
        for begin in (0, int(0.4 * len(noise))):
            scene.add(noise[begin : begin + 2 * RATE], room(1, number))
        scene.say(clip).add(room(1, number))
    heard = await listen(Engines(), np.concatenate(scene.parts), update_ms=600)
    assert len(scene.check(heard).split()) <= 2


async def test_clicks_alone_are_not_words() -> None:
    heard = await listen(Engines(), clicks(room(20), 60, peak=0.5))
    assert "".join(heard.finals) == ""
    assert heard.of(m.TranscriptCommittedMessage) == []


@needs_english
@pytest.mark.parametrize("name", ["spk1_snt3", "spk1_snt5"])
async def test_clicks_over_a_sentence_leave_it_as_it_is(name: str) -> None:
    scene = Scene().add(room(1)).say(SENTENCES[name]).add(room(1))
    heard = await listen(Engines(), clicks(np.concatenate(scene.parts), 12, peak=0.2))
    assert scene.check(heard) == ""
