"""Silent streams: the sound of a room, and what they cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sampling import Spent
from loadtests.silence import room, rows, table, void

IDLE = Spent(20.0, {"vad": 1.0, "asr": 0.5}, client=0.0, others=2.0)
BUSY = Spent(30.0, {"vad": 9.0, "asr": 0.5, "proxy": 4.0}, client=3.0, others=1.0)


@given(st.floats(-90.0, -10.0), st.integers(0, 99))
def test_noise_has_its_level_and_no_hum(dbfs: float, seed: int) -> None:
    noise = room(0.5, dbfs, seed)
    assert noise.shape == (8000,)
    assert 10 * np.log10(np.mean(noise.astype(np.float64) ** 2)) == pytest.approx(dbfs, abs=0.01)


def test_noise_falls_with_frequency_and_is_the_same_every_time() -> None:
    noise = room(4.0, -50.0, 3)
    power = np.abs(np.fft.rfft(noise)) ** 2
    low, high = power[4 * 200 : 4 * 400].mean(), power[4 * 3200 : 4 * 6400].mean()
    assert 10 * np.log10(low / high) == pytest.approx(12.0, abs=1.5)
    assert np.array_equal(noise, room(4.0, -50.0, 3))
    assert not np.array_equal(noise, room(4.0, -50.0, 4))


def test_digital_silence_is_nothing() -> None:
    assert not room(1.0, None, 0).any()


def test_the_idle_server_is_not_the_streams_doing() -> None:
    found = {row.process: row for row in rows(IDLE, BUSY, 8)}
    assert found["vad"].per_stream == pytest.approx(1.0)
    assert found["proxy"].per_stream == pytest.approx(0.5)
    assert found["asr"].per_stream == 0.0
    assert rows(IDLE, BUSY, 8)[-1].process == "all of the server"
    assert rows(IDLE, BUSY, 8)[-1].per_stream == pytest.approx(1.5)


def summary(**changes: object) -> dict[str, object]:
    row = {"process": "all of the server", "idle": 1.5, "busy": 13.5, "per_stream": 1.5}
    base = {"rows": [row], "dbfs": -50.0, "streams": 8, "seconds": 30.0, "client": 3.0, "others": 1.0}
    return {**base, "words": 0, "late_chunks": 0, "errors": [], "refused": 0, **changes}


def test_the_table_says_what_was_measured() -> None:
    text = table(summary())
    assert "| all of the server | 1.5 | 13.5 | 1.50 |" in text
    assert "8 streams of room noise at -50 dBFS, 30 s" in text
    assert "digital silence" in table(summary(dbfs=None))


def test_a_run_that_went_wrong_is_void() -> None:
    assert void(summary()) == []
    assert void(summary(refused=2, late_chunks=3, errors=["internal_error: x"])) == [
        "2 streams refused",
        "3 chunks sent late",
        "errors: internal_error: x",
    ]
    assert void(summary(rows=[{"busy": 0.0}])) == ["the server's processes are not known: name one with --pid"]
