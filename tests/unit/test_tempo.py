import numpy as np
import pytest

from izwi.tempo import stretch

RATE = 24_000
TONE = (8000 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.int16)


@pytest.mark.parametrize("tempo", [0.2, 0.25, 0.3, 0.5, 0.9, 1.1, 1.7, 2.0, 2.67, 3.2, 4.0, 5.0])
def test_the_duration_changes_and_the_pitch_does_not(tempo: float) -> None:
    found = stretch(TONE, RATE, tempo)
    assert found.dtype == np.int16
    assert found.size == pytest.approx(TONE.size / tempo, rel=0.03)
    assert np.argmax(np.abs(np.fft.rfft(found))) * RATE / found.size == pytest.approx(220, rel=0.01)
    assert np.abs(found.astype(int)).max() == pytest.approx(8000, rel=0.05)


def test_nothing_is_done_where_there_is_nothing_to_do() -> None:
    assert stretch(TONE, RATE, 1.0) is TONE
    assert stretch(TONE[:0], RATE, 2.0).size == 0
