import numpy as np

from izwi import messages as m
from tests.engines.live import RATE, Engines, listen
from tests.speech import GERMAN, LIBRIVOX, load, needs_german, needs_librivox

PAUSE = np.random.default_rng(1).normal(0, 0.003, round(1.2 * RATE)).astype(np.float32)
"""A quiet room."""


@needs_german
@needs_librivox
async def test_a_speaker_who_changes_language_in_mid_stream_is_heard_in_both() -> None:
    english, german, again = (load(path) for path in (LIBRIVOX[1].path, GERMAN[0], LIBRIVOX[4].path))
    begins = np.cumsum([len(PAUSE), len(english) + len(PAUSE), len(german) + len(PAUSE)]) / RATE
    audio = np.concatenate([PAUSE, english, PAUSE, german, PAUSE, again, PAUSE])
    heard = await listen(Engines(), audio, source_language="auto", update_ms=600)

    finals = [event.data for event in heard.of(m.TranscriptFinalMessage)]
    spoken = [["en", "de", "en"][int(np.searchsorted(begins, final.start_s)) - 1] for final in finals]
    assert set(spoken) == {"en", "de"}
    assert [final.language for final in finals] == spoken
    assert "young man" in finals[0].text
    assert "deutschen" in " ".join(final.text for final in finals if final.language == "de")
    assert "amiable himself" in finals[-1].text
    for event in heard.of(m.TranscriptCommittedMessage):
        assert event.data.language == finals[event.data.utterance].language, "what was committed early, too"
