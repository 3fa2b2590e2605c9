"""Answers of one word, 0.2 to 0.5 s long, which give the recogniser little to go by."""

import asyncio

import numpy as np
import onnxruntime
import pytest
import soxr

from deployments.tts.deployment import Tts
from izwi import catalog
from izwi import messages as m
from izwi.agreement import normalise
from izwi.settings import Settings
from izwi.stage_settings import TtsSettings
from izwi.stages import Samples, TtsRequest
from tests.engines.live import RATE, Engines, listen
from tests.unit.scripted import Run

WORDS = ["Yes.", "No.", "Okay.", "Right.", "Stop.", "Please.", "Thanks.", "Wait."]
GAP_S = 1.2

needs_piper = pytest.mark.skipif("piper" not in catalog.pick("tts", ["piper"])[0], reason="piper is not installed")


async def spoken() -> list[Samples]:
    """Each word by Piper, without the silence round it."""
    onnxruntime.set_seed(0)  # Piper says nothing twice the same way
    settings = Settings(_env_file=None, tts=TtsSettings(engines=("piper",)))  # type: ignore[call-arg]
    voice, words = Tts.func_or_class(settings), []
    for word in WORDS:
        chunks = [chunk async for chunk in voice(TtsRequest(word, "en"))]
        pcm = np.concatenate([chunk.pcm for chunk in chunks]).astype(np.float32) / 32768
        samples = soxr.resample(pcm, chunks[0].sample_rate, RATE).astype(np.float32)
        loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
        words.append(samples[loud[0] : loud[-1] + 1])
    return words


@pytest.fixture(scope="module")
def answers() -> tuple[Run, list[tuple[float, float]]]:
    """One session in which the words are said one after the other, and when each is said."""
    rng, parts, times, at = np.random.default_rng(0), [], [], 0.0
    for word in asyncio.run(spoken()):
        parts += [np.zeros(round(GAP_S * RATE), np.float32), word]
        times.append((at + GAP_S, at + GAP_S + len(word) / RATE))
        at = sum(map(len, parts)) / RATE
    audio = np.concatenate([*parts, np.zeros(RATE, np.float32)])
    audio += rng.normal(0, 0.001, len(audio)).astype(np.float32)
    return asyncio.run(listen(Engines(), audio)), times


@needs_piper
def test_every_short_answer_is_an_utterance_in_its_time(answers: tuple[Run, list[tuple[float, float]]]) -> None:
    heard, times = answers
    finals = [event.data for event in heard.of(m.TranscriptFinalMessage)]
    assert len(finals) == len(WORDS)
    for final, (begin, end) in zip(finals, times, strict=True):
        assert abs(final.start_s - begin) < 0.15
        assert abs(final.end_s - end) < 0.25


@needs_piper
def test_short_answers_are_understood(answers: tuple[Run, list[tuple[float, float]]]) -> None:
    heard = [{normalise(word) for word in text.split()} for text in answers[0].finals]
    right = sum(found == {normalise(word)} for word, found in zip(WORDS, heard, strict=True))
    assert right >= len(WORDS) - 2, answers[0].finals


@needs_piper
def test_short_answers_are_heard_once(answers: tuple[Run, list[tuple[float, float]]]) -> None:
    assert [len(text.split()) for text in answers[0].finals] == [1] * len(WORDS)
