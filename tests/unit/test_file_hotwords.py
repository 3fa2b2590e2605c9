"""Hotwords in recordings, where the recogniser writes another language than is spoken."""

import numpy as np
import pytest

from izwi.correction import Corrector
from izwi.files.hearing import Ears, Hearing, Wish
from izwi.files.windows import Window
from izwi.stages import AsrRequest, AsrResult, Timing, VadRequest, VadResult, Word


@pytest.mark.parametrize(("task", "asked"), [("translate", 1), ("transcribe", 2)])
async def test_what_is_ordinary_is_asked_of_the_language_that_is_written(task: str, asked: int) -> None:
    """ "perform" is no German word, which would make it a misheard Terraform; in English text it is what was said."""
    requests: list[AsrRequest] = []

    async def vad(request: VadRequest) -> VadResult:
        raise AssertionError

    async def asr(request: AsrRequest) -> AsrResult:
        requests.append(request)
        return AsrResult((Word(" perform", 0.0, 0.8, 0.8),), "de", 1.0, Timing("scripted"))

    wish = Wish("de", task, hotwords=("Terraform",))  # type: ignore[arg-type]
    window = Window(0, np.zeros(16000, np.float32))
    await Hearing(Ears(vad, asr), wish, Corrector(wish.hotwords)).hear(window, "de")
    assert len(requests) == asked
    assert wish.written("de") == ("en" if task == "translate" else "de")
