"""Language ``auto`` on a recogniser that is scripted to doubt."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from izwi import messages as m
from izwi.stages import AsrRequest, AsrResult
from tests.unit.scripted import Script, run, silence, speech

ENGLISH, GERMAN = ["one", "two", "three", "four."], ["six", "seven", "eight", "nine", "ten", "six", "seven", "eight."]
"""German is what is said with the second half of the vocabulary."""


@dataclass
class Bilingual(Script):
    """Detects the language that is spoken. With ``doubts`` its partial passes hear no German words, as Whisper's do
    where the guard does not believe them."""

    doubts: bool = False

    async def _asr(self, take: Callable[[], AsrRequest], urgent: bool) -> AsrResult:
        request = take()
        result = await super()._asr(lambda: request, urgent)
        german = any(word.text.strip(" .") in GERMAN for word in result.words)
        words = () if german and self.doubts and not request.final else result.words
        return replace(result, words=words, language=request.language or ("de" if german else "en"))


async def languages(doubts: bool) -> list[str]:
    parts = [part for words in (ENGLISH, GERMAN, ENGLISH) for part in (speech(*words), silence(1))]
    heard = await run(np.concatenate(parts), Bilingual(doubts=doubts), source_language="auto", target_language=None)
    assert len(heard.finals) == 3
    return [event.data.language for event in heard.of(m.TranscriptFinalMessage)]


async def test_finals_carry_the_language_of_their_utterance() -> None:
    assert await languages(doubts=False) == ["en", "de", "en"]


async def test_the_language_before_does_not_decide_alone_on_seconds_of_speech() -> None:
    assert await languages(doubts=True) == ["en", "de", "en"]
