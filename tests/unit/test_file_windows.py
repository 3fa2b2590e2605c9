"""A recording cut into windows, and what was heard in them put together again."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from izwi.audio import SAMPLE_RATE
from izwi.files.seams import join
from izwi.files.windows import LARGEST_GAP, LONGEST, OVERLAP, TARGET, Window, Windows
from izwi.segmenter import FRAME
from izwi.stage_settings import VadSettings
from izwi.stages import Samples, Word
from tests.timed_audio import recording, speech


def test_constants_fit_together() -> None:
    assert LARGEST_GAP < TARGET < LONGEST


def cut(audio: Samples, hop: int = 8 * FRAME) -> list[Window]:
    windows = Windows(VadSettings())
    audio = np.pad(audio, (0, -len(audio) % hop))
    found = [
        window
        for at in range(0, len(audio), hop)
        for window in windows.push(audio[at : at + hop], speech(audio[at : at + hop]))
    ]
    return found + windows.flush()


def span(window: Window) -> tuple[float, float]:
    return window.start / SAMPLE_RATE, (window.start + len(window.samples)) / SAMPLE_RATE


def test_utterances_share_a_window_up_to_its_target_and_a_long_pause_ends_it() -> None:
    audio = recording((1, 3), (3.9, 6), (6.9, 13), (20, 22), seconds=24)
    spans = [span(window) for window in cut(audio)]
    for (start, end), (first, last) in zip(spans, [(1, 6), (6.9, 13), (20, 22)], strict=True):
        assert first - 0.5 <= start <= first
        assert last - FRAME / SAMPLE_RATE <= end <= last + 0.1
    for window in cut(audio):
        assert abs(window.samples[0]) == pytest.approx(window.start / SAMPLE_RATE + 1, abs=1e-4)


def test_who_never_pauses_is_cut_at_the_quietest_moment_with_audio_on_both_sides() -> None:
    audio = recording((0, 20), (20.2, 60), seconds=60)  # a pause too short to end an utterance
    windows = cut(audio)
    assert len(windows) >= 3
    assert windows[0].cut is not None
    assert abs(windows[0].cut / SAMPLE_RATE - 20.1) < 0.2
    for window, following in pairwise(windows):
        assert window.cut is not None
        assert window.start + len(window.samples) == window.cut + OVERLAP
        assert following.start == window.cut - OVERLAP
    assert max(len(window.samples) for window in windows) <= LONGEST
    assert windows[-1].cut is None


def test_how_the_audio_is_chunked_makes_no_difference() -> None:
    audio = recording((0.5, 3), (3.9, 9), (9.8, 44), (50, 51), seconds=53)
    assert [span(w) for w in cut(audio, FRAME)] == [span(w) for w in cut(audio, 128 * FRAME)]


def test_silence_has_no_windows() -> None:
    assert cut(recording(seconds=30)) == []


def words(*rows: tuple[str, float]) -> list[Word]:
    return [Word(f" {text}", start, start + 0.3, 0.9) for text, start in rows]


def texts(found: Sequence[Word]) -> list[str]:
    return [word.text.strip() for word in found]


def test_what_both_windows_heard_is_kept_once() -> None:
    left = words(("we", 8.0), ("saw", 8.6), ("the", 9.3), ("old", 9.7), ("house", 10.2), ("bur", 10.8))
    right = words(("aw", 9.0), ("the", 9.4), ("old", 9.8), ("House,", 10.3), ("burning", 10.8), ("down", 11.5))
    kept = join(left, right, 10.0, 1.0)
    assert texts(kept[0] + kept[1]) == ["we", "saw", "the", "old", "House,", "burning", "down"]


def test_windows_that_agree_on_nothing_are_joined_at_the_cut() -> None:
    kept = join(words(("a", 8.0), ("b", 9.5), ("c", 10.5)), words(("d", 9.2), ("e", 10.1), ("f", 11.0)), 10.0, 1.0)
    assert texts(kept[0] + kept[1]) == ["a", "b", "e", "f"]


def test_a_word_said_again_much_later_is_no_seam() -> None:
    kept = join(words(("very", 9.1), ("x", 9.6)), words(("y", 9.6), ("very", 10.4)), 10.0, 1.0)
    assert texts(kept[0] + kept[1]) == ["very", "x", "very"]


def test_empty_sides() -> None:
    assert join([], [], 10.0, 1.0) == ([], [])
    assert texts(join([], words(("e", 10.1)), 10.0, 1.0)[1]) == ["e"]
