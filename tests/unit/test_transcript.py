"""What one pass settles of an utterance's text."""

import numpy as np
import pytest

from izwi.audio import SAMPLE_RATE
from izwi.session_settings import SessionSettings
from izwi.stages import Word
from izwi.transcript import Transcript
from izwi.utterance import Window


def window(seconds: float = 1.0, *, final: bool = True) -> Window:
    count = round(seconds * SAMPLE_RATE)
    return Window(np.zeros(count, np.float32), start=0, final=final, pause=False, speech_end=count, fresh=count)


@pytest.mark.parametrize(("confidence", "kept"), [(0.1, ""), (0.3, "Right."), (0.9, "Right.")])
def test_a_lone_word_is_kept_unless_it_is_nearly_a_guess(confidence: float, kept: str) -> None:
    transcript = Transcript(SessionSettings())
    update = transcript.update(window(), [Word(" Right.", 0.2, 0.5, confidence)])
    assert update.text == transcript.committed == kept
    assert update.changed is bool(kept)


def test_doubtful_words_at_the_end_are_not_shown_yet() -> None:
    transcript = Transcript(SessionSettings())
    words = [Word(" one", 0.0, 0.3, 0.9), Word(" two", 0.3, 0.6, 0.9), Word(" three", 0.6, 0.9, 0.3)]
    transcript.update(window(final=False), words)
    assert f"{transcript.committed} {transcript.tentative}".split() == ["one", "two"]
