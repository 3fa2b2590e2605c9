"""Synthesised speech on its way to OpenAI's clients."""

import base64

import numpy as np
import pytest

from izwi.realtime.speech_resampler import RATE, SpeechResampler


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("chunk", [100, 4096, 100_000])
def test_a_voice_of_any_rate_comes_at_24_khz_whole_and_unbroken(rate: int, chunk: int) -> None:
    tone = (10_000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype("<i2")
    resampler, parts = SpeechResampler(), []
    for begin in range(0, rate, chunk):
        parts.append(resampler.push(tone[begin : begin + chunk].tobytes(), rate, last=False))
    parts.append(resampler.push(b"", rate, last=True))
    heard = np.frombuffer(b"".join(map(base64.b64decode, parts)), "<i2").astype(float)
    assert abs(len(heard) - RATE) <= 2
    ideal = 10_000 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / RATE)
    assert np.abs(heard - ideal)[500:-500].max() < 100


def test_clauses_of_engines_with_different_rates_follow_each_other() -> None:
    resampler = SpeechResampler()
    for rate in (22_050, 24_000, 16_000, 16_000):
        audio = [resampler.push(bytes(2 * rate), rate, last=False), resampler.push(b"", rate, last=True)]
        assert abs(sum(len(base64.b64decode(part)) for part in audio) - 2 * RATE) <= 4
    assert resampler.push(b"", 0, last=True) == ""  # a clause that could not be spoken
