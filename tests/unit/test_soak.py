"""A very long session: growth of memory and lag, and the words heard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.corpus import Clip
from loadtests.growth import Sample, growths, hearing, lag, per_minute
from loadtests.soak import CLIENT, Soak, outcome, talk
from loadtests.soak_report import failures, table


def samples(minutes: int, leak_mb: float, pace: float = 3.0) -> list[Sample]:
    """Four a minute of audio, ``pace`` times as fast as speech; asr leaks, the client does not."""
    times = [15.0 * number for number in range(4 * minutes)]
    return [Sample(t / pace, t, {"asr": 500 + leak_mb * t / 60, "vad": 90.0, CLIENT: 50.0}) for t in times]


def test_a_leak_is_found_where_it_is() -> None:
    total, first, second, client = growths(samples(20, leak_mb=0.5), CLIENT)
    assert [total.name, first.name, second.name, client.name] == ["all of the server", "asr", "vad", CLIENT]
    assert total.per_audio_minute is not None
    assert total.per_wall_minute is not None
    assert first.per_audio_minute is not None
    assert total.per_audio_minute.slope == pytest.approx(0.5)
    assert total.per_wall_minute.slope == pytest.approx(1.5)  # three minutes of audio a minute
    assert first.per_audio_minute.slope == pytest.approx(0.5)
    assert total.start_mb == pytest.approx(590, abs=0.5)


def test_what_fills_up_is_told_from_what_leaks() -> None:
    times = [15.0 * number for number in range(4 * 40)]
    filling = [Sample(t, t, {"asr": 500 + min(100.0, t / 12)}) for t in times]  # full after 20 of 40 minutes
    total = growths(filling, CLIENT)[0]
    assert total.per_audio_minute is not None
    assert total.later is not None
    assert total.per_audio_minute.slope > 1.0
    assert total.later.slope == pytest.approx(0.0, abs=0.01)


@given(st.lists(st.floats(0, 1200)), st.floats(0, 1200))
def test_every_word_of_a_whole_minute_is_counted_once(times: list[float], length: float) -> None:
    counts = per_minute(times, length)
    assert len(counts) == int(length // 60)
    assert sum(counts) == sum(time < 60 * len(counts) for time in times)


def test_steady_hearing_has_no_strays() -> None:
    said = [120, 150, 90, 140, 130] * 3
    found = hearing(said, [round(0.97 * count) for count in said])
    assert found.share == pytest.approx(0.97, abs=0.01)
    assert found.strays == []


def test_lost_and_invented_words_stray() -> None:
    said = [100] * 20
    assert hearing(said, [98] * 15 + [40] * 5).strays == [15.0]
    assert hearing(said, [98] * 10 + [130] * 5 + [98] * 5).strays == [10.0]
    assert hearing(said[:12], [98] * 10 + [60] * 2).strays == []  # too short to tell
    assert hearing([], []).share == 0.0


def test_a_growing_lag_is_told_from_a_noisy_one() -> None:
    noise = np.random.default_rng(1)
    times = [float(t) for t in range(0, 1800, 3)]
    steady = lag([(t, 5.0 + noise.normal(0, 1)) for t in times])
    rising = lag([(t, 5.0 + t / 300 + noise.normal(0, 1)) for t in times])
    assert steady is not None
    assert not steady.grows
    assert rising is not None
    assert rising.grows
    assert rising.line is not None
    assert rising.line.slope == pytest.approx(0.2, abs=0.02)
    assert lag([]) is None


def test_what_is_said_goes_on_for_as_long_as_asked() -> None:
    clips = [Clip("a", "one two", np.ones(16_000, np.float32)), Clip("b", "three", np.ones(8_000, np.float32))]
    said: list[float] = []
    pieces = list(talk(clips, 10.0, 1, said))
    length = sum(map(len, pieces)) / 16_000
    assert 10.0 <= length < 12.0
    assert said == sorted(said)
    assert said[-1] <= length
    assert len(said) / length == pytest.approx(3 / 2.5, abs=0.2)


def soaked(**changes: object) -> Soak:
    said = [0.5 * number for number in range(2400)]
    lags = [(t, 4.0) for t in said]
    base = {"audio_s": 1200.0, "said": said, "heard": said, "lags": lags, "samples": samples(20, leak_mb=0.5)}
    return Soak(0.0, **{**base, **changes})  # type: ignore[arg-type]


def test_the_warm_up_does_not_count() -> None:
    found = outcome(soaked(), warm_up=10.0)
    assert found.words_per_minute == [120] * 10
    assert found.growth[0].start_mb == pytest.approx(595, abs=0.5)
    assert "| asr | 505" in table(found)
    assert "words heard per word said: 1.000" in table(found)
    assert failures(found, limit=None) == []
    assert failures(found, limit=0.4) == ["memory grows by more than 0.4 MB per audio minute"]


def test_a_session_that_went_wrong_says_why() -> None:
    seen = soaked(heard=[], lags=[], samples=[])
    seen.errors["unavailable: gone"] += 1
    assert failures(outcome(seen, 0.0), None) == [
        "1 times unavailable: gone",
        "nothing was heard",
        "too short after the warm-up to tell how memory grows",
    ]
    assert table(outcome(seen, 0.0))
