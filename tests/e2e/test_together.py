"""Several real clients at once: their windows share the recogniser's batches, their transcripts stay their own."""

import asyncio

import jiwer
import numpy as np
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from izwi import messages as m
from tests.e2e.conftest import Server
from tests.e2e.test_stream import Heard, stream
from tests.speech import ENGLISH, GERMAN, LIBRIVOX, load, needs_english, needs_german, needs_librivox

normalise = EnglishTextNormalizer()
TAIL = np.zeros(12_000, np.float32)


def finals(heard: Heard) -> list[m.TranscriptFinal]:
    return [event.data for event in heard.messages if isinstance(event, m.TranscriptFinalMessage)]


def assert_complete(heard: Heard) -> None:
    """The session ended in order, without an error, and its pieces join to its text."""
    assert isinstance(heard.messages[-1], m.SessionEndedMessage)
    assert [event.data.code for event in heard.messages if isinstance(event, m.ErrorMessage)] == []
    pieces = [event.data for event in heard.messages if isinstance(event, m.TranscriptCommittedMessage)]
    for final in finals(heard):
        assert "".join(piece.text for piece in pieces if piece.utterance == final.utterance) == final.text


@needs_english
@needs_librivox
async def test_clients_who_begin_together_and_end_one_after_the_other_all_get_their_words(server: Server) -> None:
    """A pass begun by one session also serves those who go on after it has ended."""
    named = {clip.path.stem: clip for clip in ENGLISH}
    clips = [named[f"LJ001-{number:04}"] for number in (2, 6, 7, 14)] + [LIBRIVOX[4], LIBRIVOX[2]]
    lengths = [len(load(clip.path)) / 16_000 for clip in clips]
    assert min(lengths) < 2 < 9 < max(lengths)

    async def client(number: int) -> Heard:
        await asyncio.sleep(number / len(clips))  # all within a second
        audio = np.concatenate([load(clips[number].path), TAIL])
        return await stream(server, audio, speed=1.0, source_language="en")

    heard = await asyncio.gather(*map(client, range(len(clips))))
    for one in heard:
        assert_complete(one)
    texts = [normalise(" ".join(final.text for final in finals(one))) for one in heard]
    references = [normalise(clip.text) for clip in clips]
    assert jiwer.wer(references, texts) <= 0.12
    assert all(jiwer.wer(*pair) <= 0.4 for pair in zip(references, texts, strict=True)), "nobody has another's words"


@needs_german
@needs_librivox
async def test_two_languages_at_once_are_not_mixed_up(server: Server) -> None:
    english = np.concatenate([part for clip in LIBRIVOX[3:] for part in (load(clip.path), TAIL)])
    german = np.concatenate([load(GERMAN[0]), TAIL])
    heard = await asyncio.gather(
        *(stream(server, audio, speed=1.0, source_language="auto") for audio in (english, german)),
        *(stream(server, audio, speed=1.0, source_language=code) for audio, code in ((english, "en"), (german, "de"))),
    )
    for one, code in zip(heard, ["en", "de", "en", "de"], strict=True):
        assert_complete(one)
        assert {final.language for final in finals(one)} == {code}
    texts = [" ".join(final.text for final in finals(one)) for one in heard]
    for text in (texts[0], texts[2]):
        assert jiwer.wer(normalise(" ".join(clip.text for clip in LIBRIVOX[3:])), normalise(text)) <= 0.25
    alone, asked = (BasicTextNormalizer()(text) for text in (texts[1], texts[3]))
    assert "deutschen begriff" in alone
    assert jiwer.wer(asked, alone) <= 0.35, "detected or told, German is heard alike"
