"""One window of a recording: recognised, once more where hotwords may be in it, and what its text leaves out alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from izwi.audio import SAMPLE_RATE
from izwi.correction import Corrector, led_by, vocabulary
from izwi.files.seams import same
from izwi.files.windows import Window
from izwi.stages import AsrRequest, AsrResult, Timing, VadRequest, VadResult, Word

UNHEARD = SAMPLE_RATE // 2
"""Samples; shorter utterances may be a breath or a knock."""


@dataclass(frozen=True)
class Ears:
    """The stages that listen to a recording; each raises only `izwi.errors.IzwiError`."""

    vad: Callable[[VadRequest], Awaitable[VadResult]]
    asr: Callable[[AsrRequest], Awaitable[AsrResult]]


@dataclass(frozen=True)
class Wish:
    """How a recording is to be recognised."""

    language: str | None = None
    """ISO 639-1; None takes the language of the first window that has words."""
    task: Literal["transcribe", "translate"] = "transcribe"
    prompt: str = ""
    hotwords: tuple[str, ...] = ()
    """Names and terms to expect."""

    def written(self, spoken: str) -> str:
        """Language (ISO 639-1) of the text of what is ``spoken``."""
        return "en" if self.task == "translate" else spoken


@dataclass(frozen=True)
class Hearing:
    """
    Args:
        corrector: windows in which its hotwords may be are heard again, led by those.
    """

    ears: Ears
    wish: Wish
    corrector: Corrector

    async def hear(self, window: Window, language: str | None) -> tuple[AsrResult, list[tuple[str, Timing]]]:
        """Words with times from the window's beginning, and the timing of each call."""
        timings: list[tuple[str, Timing]] = []

        async def ask(request: AsrRequest) -> AsrResult:
            result = await self.ears.asr(request)
            timings.append(("asr", result.timing))
            return result

        wish = self.wish
        request = AsrRequest(window.samples, language, final=True, task=wish.task, prompt=wish.prompt)
        result = await ask(request)
        request = replace(request, language=result.language)
        written = wish.written(result.language)
        if self.corrector.hotwords:
            await vocabulary.prepare(written)
        if likely := self.corrector.likely(result.words, written):
            request = replace(request, prompt=" ".join(filter(None, (wish.prompt, led_by(likely)))))
            result = await ask(request)
        # Where a translation's words stand in the speech is a guess: what seems left out may be said elsewhere in it.
        for first, end in unheard(window, result.words) if wish.task == "transcribe" else ():
            again = await ask(replace(request, samples=window.samples[first - window.start : end - window.start]))
            result = replace(result, words=_inserted(result.words, again.words, (first - window.start) / SAMPLE_RATE))
        return result, timings


def unheard(window: Window, words: Sequence[Word]) -> list[tuple[int, int]]:
    """Utterances without a word, by their offsets. Whisper may end its text in a pause between two utterances; what it
    leaves out then it hears well alone.

    Args:
        words: with times from the window's beginning.
    """
    if len(window.speech) < 2 or not words:
        return []
    middles = [window.start + (word.start_s + word.end_s) / 2 * SAMPLE_RATE for word in words]
    return [
        (first, end)
        for first, end in window.speech
        if end - first >= UNHEARD and not any(first <= middle < end for middle in middles)
    ]


def _inserted(words: Sequence[Word], more: Sequence[Word], at_s: float) -> tuple[Word, ...]:
    """With ``more`` words, ``at_s`` later. A word that was there already was not left out: attention times stretch over
    the pause after a short one, and so its utterance seemed empty."""
    later = (replace(word, start_s=word.start_s + at_s, end_s=word.end_s + at_s) for word in more)
    new = [word for word in later if not any(_overlap(word, one) and same(word, one) for one in words)]
    return tuple(sorted((*words, *new), key=lambda word: word.start_s))


def _overlap(one: Word, other: Word) -> bool:
    return one.start_s < other.end_s and other.start_s < one.end_s
