"""What a client says beforehand decides how a live session writes what it hears."""

import numpy as np
import pytest

from tests.engines.live import RATE, Engines, listen
from tests.speech import LIBRIVOX, load, needs_librivox


@needs_librivox
@pytest.mark.parametrize(
    ("prompt", "written"),
    [
        ("", "And Mr. John Dashwood"),
        ("Mister Dashwood, Mister Ferrars, Mister Palmer.", "And Mister John Dashwood"),
        ("mister dashwood and mister ferrars and mister palmer and mister willoughby", "and mister john dashwood"),
    ],
    ids=["none", "words", "style"],
)
async def test_words_are_written_as_in_the_prompt(prompt: str, written: str) -> None:
    clip = next(clip for clip in LIBRIVOX if "mister john dashwood" in clip.text)
    heard = await listen(Engines(), np.concatenate([load(clip.path), np.zeros(RATE, np.float32)]), prompt=prompt)
    assert heard.finals[0].startswith(written)
    assert heard.committed == {0: heard.finals[0]}
