"""Utterances that a window's text seems to leave out are heard alone, and what was there already is not said twice."""

import numpy as np
import pytest

from izwi.correction import Corrector
from izwi.files.hearing import Ears, Hearing, Wish
from izwi.files.windows import Window
from izwi.stages import AsrRequest, AsrResult, Timing, VadRequest, VadResult, Word

WINDOW = Window(0, np.zeros(48_000, np.float32), speech=((0, 9_600), (32_000, 44_800)))


@pytest.mark.parametrize(
    ("whole", "alone", "texts"),
    [
        pytest.param(
            [("Yes", 0.3, 1.2), ("No", 2.1, 2.6)], "yes.", ["Yes", "No"], id="its word reaches far into the pause"
        ),
        pytest.param([("No", 2.1, 2.6)], "Yes", ["Yes", "No"], id="left out"),
        pytest.param([("Well", 0.7, 1.0), ("No", 2.1, 2.6)], "Yes", ["Yes", "Well", "No"], id="another word near it"),
        pytest.param([("No", 2.1, 2.6)], "No", ["No", "No"], id="the same word, said twice"),
    ],
)
async def test_it_is_said_once(whole: list[tuple[str, float, float]], alone: str, texts: list[str]) -> None:
    asked: list[int] = []

    async def asr(request: AsrRequest) -> AsrResult:
        asked.append(len(request.samples))
        heard = whole if len(asked) == 1 else [(alone, 0.0, 0.5)]
        return AsrResult(tuple(Word(f" {t}", b, e, 0.9) for t, b, e in heard), "en", 1.0, Timing("scripted"))

    async def vad(request: VadRequest) -> VadResult:
        raise AssertionError

    result, _ = await Hearing(Ears(vad, asr), Wish("en"), Corrector(())).hear(WINDOW, "en")
    assert asked == [48_000, 9_600]
    assert [word.text.strip() for word in result.words] == texts
