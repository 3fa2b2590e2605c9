import numpy as np
import pytest

from izwi.arrivals import REMEMBERED, Arrivals, Chunks
from izwi.utterance import Window


def window(start: int, length: int, fresh: int) -> Window:
    return Window(np.zeros(length, np.float32), start, final=False, pause=False, speech_end=start + length, fresh=fresh)


@pytest.mark.parametrize(
    ("offset", "came"),
    [(99, None), (100, 1.0), (101, 2.0), (200, 2.0), (299, 3.0), (300, 3.0), (5000, 3.0)],
)
def test_audio_counts_from_the_frame_that_completes_it(offset: int, came: float | None) -> None:
    arrivals = Arrivals()
    for number in (1, 2, 3):
        arrivals.came(100 * number, float(number))
    assert arrivals.at(offset) == came


def test_nothing_is_known_before_any_audio_and_of_audio_that_nobody_waits_for() -> None:
    arrivals = Arrivals()
    assert arrivals.at(0) is None
    arrivals.came(100, None)
    arrivals.came(200, 2.0)
    assert (arrivals.at(50), arrivals.at(100), arrivals.at(150)) == (None, None, 2.0)


def test_what_is_remembered_is_bounded() -> None:
    arrivals = Arrivals()
    for number in range(1, 5 * REMEMBERED):
        arrivals.came(number, float(number))
    assert len(arrivals._ends) <= 2 * REMEMBERED
    assert arrivals.at(5 * REMEMBERED - 10) == 5 * REMEMBERED - 10
    assert arrivals.at(REMEMBERED) is None


def test_each_chunk_is_told_once_by_the_pass_that_completes_it() -> None:
    chunks = Chunks(100)
    assert chunks.heard(window(0, 120, fresh=120), 100) == [100]
    assert chunks.heard(window(0, 480, fresh=360), 220) == [220, 320, 420]
    assert chunks.heard(window(300, 230, fresh=50), 530) == [530], "a pause ends a chunk early"
    assert chunks.heard(window(300, 230, fresh=0), 530) == [], "the same audio again is no news"


def test_a_pass_that_failed_leaves_its_audio_to_the_next_one() -> None:
    chunks = Chunks(100)
    assert chunks.heard(window(0, 100, fresh=100), 100) == [100]
    assert chunks.heard(window(0, 400, fresh=100), 200) == [200, 300, 400]


def test_silence_between_utterances_is_in_no_chunk() -> None:
    chunks = Chunks(100)
    assert chunks.heard(window(0, 100, fresh=100), 100) == [100]
    assert chunks.heard(window(5000, 150, fresh=100), 5100) == [5150]


def test_chunks_wait_from_when_their_pass_was_due() -> None:
    chunks = Chunks(100)
    assert chunks.heard(window(0, 400, fresh=400), 400) == [400] * 4
    assert chunks.heard(window(0, 900, fresh=500), 650) == [650, 650, 700, 800, 900]
    assert chunks.heard(window(0, 1250, fresh=350), 1300) == [1250] * 3, "no chunk waits for what no pass has heard"
