"""Labels on literal words and on voices that are plain unit vectors: the sound of a window is the mean of its samples'
speakers, so that windows across a change are mixed as real ones are."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from izwi.audio import SAMPLE_RATE, Samples
from izwi.diarization import ABREAST, Tuning, Turn, Window, assign, label, turns, windows
from izwi.errors import EngineFailed
from izwi.stages import Embedding, Word


def said(*parts: tuple[str, float, float]) -> list[Word]:
    return [Word(f" {text}", start, end, 1.0) for text, start, end in parts]


def speech(start_s: float, end_s: float, word_s: float = 0.25) -> list[Word]:
    count = round((end_s - start_s) / word_s)
    return said(*(("word", start_s + n * word_s, start_s + (n + 1) * word_s) for n in range(count)))


def sound(*parts: tuple[int, float]) -> Samples:
    """Samples that say who speaks: (speaker, seconds)."""
    return np.concatenate([np.full(round(seconds * SAMPLE_RATE), speaker, np.float32) for speaker, seconds in parts])


async def embed(some: tuple[Samples, ...]) -> list[Embedding]:
    assert len(some) <= ABREAST
    vectors = [np.array([np.mean(samples == speaker) for speaker in range(5)], np.float32) for samples in some]
    return [vector / np.linalg.norm(vector) for vector in vectors]


async def speakers(words: Sequence[Word], audio: Samples) -> str:
    """One letter per word: a for the first speaker, b for the second."""
    return "".join(chr(ord("a") + int(name.removeprefix("SPEAKER_"))) for name in await label(words, audio, embed))


async def test_two_who_take_turns() -> None:
    words = speech(0, 5) + speech(5, 9) + speech(9, 12)
    found = await speakers(words, sound((1, 5), (0, 4), (1, 3)))
    assert found == "a" * 20 + "b" * 16 + "a" * 12


async def test_labels_count_in_order_of_first_appearance() -> None:
    words = speech(0, 4) + speech(5, 9) + speech(10, 14)
    found = await label(words, sound((4, 4.5), (2, 5), (0, 4.5)), embed)
    assert list(dict.fromkeys(found)) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]


async def test_a_change_within_fluent_speech_falls_on_a_word_boundary_near_it() -> None:
    found = await speakers(speech(0, 8), sound((0, 4.1), (1, 3.9)))
    assert found == "a" * found.count("a") + "b" * found.count("b")
    assert abs(found.count("a") * 0.25 - 4.1) <= 0.5


async def test_one_alone() -> None:
    assert set(await speakers(speech(0, 30), sound((3, 30)))) == {"a"}


async def test_a_word_too_short_to_be_known_goes_with_whom_it_follows() -> None:
    words = speech(0, 4) + said(("yes", 5.0, 5.2)) + speech(6, 10)
    found = await speakers(words, sound((0, 5.9), (1, 4.1)))
    assert found in ("a" * 17 + "b" * 16, "a" * 16 + "b" * 17)


async def test_a_cough_is_no_speaker() -> None:
    words = speech(0, 4) + said(("hm", 5.0, 5.4)) + speech(6, 10)
    assert set(await speakers(words, sound((0, 4.9), (3, 0.6), (0, 4.5)))) == {"a"}


async def test_nothing_said_and_nothing_heard() -> None:
    assert await label([], sound((0, 1)), embed) == []
    assert await label(speech(0, 2), np.zeros(0, np.float32), embed) == ["SPEAKER_00"] * 8
    assert await label(said(("a", 1.0, 1.0)), sound((0, 3)), embed) == ["SPEAKER_00"]


async def test_audio_that_ends_before_the_words() -> None:
    words = speech(0, 4) + speech(4, 8)
    assert len(await label(words, sound((0, 4), (1, 2.2)), embed)) == len(words)


@pytest.mark.parametrize("size", [1, 160, 9_999, 10**7])
async def test_pieces_of_any_size_give_the_same(size: int) -> None:
    words, audio = speech(0, 2) + speech(3, 6), sound((0, 2.5), (1, 4))
    if size == 1:
        words, audio = speech(0, 1), audio[:SAMPLE_RATE]
    pieces = [audio[start : start + size] for start in range(0, audio.size, size)]

    async def later() -> AsyncIterator[Samples]:
        for piece in pieces:
            await asyncio.sleep(0)
            yield piece

    expected = await label(words, audio, embed)
    assert await label(words, pieces, embed) == expected
    assert await label(words, later(), embed) == expected


async def test_what_the_stage_raises_comes_through() -> None:
    async def fail(_: tuple[Samples, ...]) -> list[Embedding]:
        raise EngineFailed("no engine")

    with pytest.raises(EngineFailed):
        await label(speech(0, 4), sound((0, 4)), fail)


async def test_an_hour_is_read_once_and_not_kept() -> None:
    """Embedded while it passes: never more than a batch of windows behind what was read."""
    read = 0
    behind: list[float] = []

    def pieces() -> AsyncIterator[Samples]:
        async def run() -> AsyncIterator[Samples]:
            nonlocal read
            for minute in range(60):
                for _ in range(60):
                    read += 1
                    yield np.full(SAMPLE_RATE, minute % 2, np.float32)

        return run()

    embedded = 0

    async def count(some: tuple[Samples, ...]) -> list[Embedding]:
        nonlocal embedded
        embedded += len(some)
        behind.append(read - embedded * 0.5)
        return await embed(some)

    found = await label(speech(0, 3600, 0.5), pieces(), count)
    assert max(behind) < ABREAST + 12
    assert len(set(found)) == 2


def test_windows_cover_speech_and_no_pause() -> None:
    found = windows(speech(0, 4) + speech(6, 7) + said(("a", 9.0, 9.1)))
    bounds = [(w.start_s, w.end_s) for w in found]
    assert bounds == [(0, 1.5), (0.5, 2), (1, 2.5), (1.5, 3), (2, 3.5), (2.5, 4), (6, 7)]


def test_times_that_overlap_or_go_back_give_windows_in_order() -> None:
    words = said(("a", -0.2, 2.0), ("b", 1.5, 1.4), ("c", 1.0, 3.0), ("d", 5.0, 4.0), ("e", 4.9, 7.0))
    found = windows(words)
    assert all(0 <= w.start_s < w.end_s for w in found)
    assert found == sorted(found, key=lambda w: (w.start_s, w.end_s))


def test_turns_are_successive_words_of_one_speaker() -> None:
    assert turns(["a", "a", "b", "a"]) == [Turn("a", 0, 2), Turn("b", 2, 3), Turn("a", 3, 4)]
    assert turns([]) == []


def test_a_change_must_be_worth_its_cost() -> None:
    words = speech(0, 4)
    heard = [Window(0, 1.5), Window(1, 2.5), Window(2.5, 4)]
    vectors = np.array([[1, 0], [0.6, 0.8], [1, 0]], np.float32)
    free = Tuning(alike=0.9, min_speaker_s=0, change=0)
    assert len(set(assign(words, heard, vectors, free))) == 2
    assert len(set(assign(words, heard, vectors, Tuning(alike=0.9, min_speaker_s=0, change=1.0)))) == 1
