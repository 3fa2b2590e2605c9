"""Transcribing a recording: detector, windows, recognition of several windows at once, joined in order.

    audio ──> VAD ──> windows ──> ASR (as many as the machine takes) ──> words in order

Memory is bounded by the windows under way, whatever the length. Live speech goes first at the recogniser.

Windows depend on the audio alone. Whoever goes on after an interruption so cuts the same ones again, which costs a
hundredth of recognising them, and asks for those that have not been heard.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.correction import Corrector, led_by
from izwi.errors import DamagedAudio
from izwi.files.seams import join
from izwi.files.windows import OVERLAP, Window, Windows
from izwi.segmenter import FRAME
from izwi.stage_settings import VadSettings
from izwi.stages import AsrRequest, AsrResult, Samples, Timing, VadRequest, VadResult, VadState, Word

HOP = 128 * FRAME
"""Samples per detector call: 4 s, a call of 10 ms."""
AT_ONCE = 16
"""Windows under way: two batches for either of two workers."""
UNHEARD = SAMPLE_RATE // 2
"""Shorter utterances may be a breath or a knock."""
NO_HOTWORDS = Corrector(())


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


@dataclass(frozen=True)
class Held:
    """What must be kept of the windows that have been heard, to join the next one."""

    windows: int = 0
    """Heard so far."""
    words: tuple[Word, ...] = ()
    """Of the last one, where it ends at a forced cut: which of them stay shows only with the next, which there always
    is."""
    cut: int | None = None
    """Offset of that cut in the recording."""


@dataclass(frozen=True)
class Heard:
    """What one window has settled, in the order of time. Times are of the recording."""

    words: tuple[Word, ...]
    language: str
    end_s: float
    """How far the recording has been recognised."""
    timings: tuple[tuple[str, Timing], ...]
    """Stage and timing of each call."""
    held: Held


async def transcribe(
    audio: AsyncGenerator[Samples],
    ears: Ears,
    wish: Wish,
    settings: VadSettings,
    after: Held = Held(),
    corrector: Corrector = NO_HOTWORDS,
) -> AsyncGenerator[Heard]:
    """Words of a recording, window by window; each comes with what is needed to go on after it.

    Args:
        audio: mono float32 at 16 kHz, pieces of any length; closed at the end. An error of it comes after what was
            heard before.
        after: where to go on in a recording that has been heard in part; ``wish`` must then name its language.
        corrector: windows in which its hotwords may be are heard again, led by those.
    """
    waiting: asyncio.Queue[asyncio.Task[_Pass] | None] = asyncio.Queue(AT_ONCE)
    calls: set[asyncio.Task[_Pass]] = set()
    ask = partial(_ask, ears, wish, corrector)
    cutting = asyncio.create_task(_cut(audio, ears, wish, settings, after.windows, ask, waiting, calls), name="windows")
    held = after
    try:
        while (call := await _next(waiting, cutting)) is not None:
            done = await call
            calls.discard(call)
            heard = done.heard(held)
            held = heard.held
            yield heard
        await cutting
    finally:
        for task in (cutting, *calls):
            task.cancel()
        await asyncio.gather(cutting, *calls, return_exceptions=True)


@dataclass(frozen=True)
class _Pass:
    window: Window
    result: AsrResult
    timings: tuple[tuple[str, Timing], ...]

    def heard(self, before: Held) -> Heard:
        """What is settled now: words held from the window before, and those of this one that need not be."""
        start_s, cut = self.window.start / SAMPLE_RATE, self.window.cut
        left: Sequence[Word] = before.words
        words: Sequence[Word] = [
            replace(word, start_s=word.start_s + start_s, end_s=word.end_s + start_s) for word in self.result.words
        ]
        if before.cut is not None:
            left, words = join(left, words, before.cut / SAMPLE_RATE, OVERLAP / SAMPLE_RATE)
        return Heard(
            words=(*left, *words) if cut is None else tuple(left),
            language=self.result.language if self.result.words else "",
            end_s=start_s + len(self.window.samples) / SAMPLE_RATE,
            timings=self.timings,
            held=Held(before.windows + 1, () if cut is None else tuple(words), cut),
        )


Ask = Callable[[Window, tuple[Timing, ...], str | None], Coroutine[Any, Any, _Pass]]
"""Takes a window, the detector's timings since the one before, and the language if it is known."""


async def _ask(
    ears: Ears, wish: Wish, corrector: Corrector, window: Window, detector: tuple[Timing, ...], language: str | None
) -> _Pass:
    request = AsrRequest(window.samples, language, final=True, beam=False, task=wish.task, prompt=wish.prompt)
    result = await ears.asr(request)
    timings = [*(("vad", timing) for timing in detector), ("asr", result.timing)]
    if likely := corrector.likely(result.words, result.language):
        lead = " ".join(filter(None, (wish.prompt, led_by(likely))))
        request = replace(request, prompt=lead)
        result = await ears.asr(replace(request, language=result.language))
        timings.append(("asr", result.timing))
    for first, end in _unheard(window, result.words):
        samples = window.samples[first - window.start : end - window.start]
        again = await ears.asr(replace(request, samples=samples, language=result.language))
        result = replace(result, words=_inserted(result.words, again.words, (first - window.start) / SAMPLE_RATE))
        timings.append(("asr", again.timing))
    return _Pass(window, result, tuple(timings))


def _unheard(window: Window, words: Sequence[Word]) -> list[tuple[int, int]]:
    """Utterances without a word. Whisper ends a text where it takes a pause for the end: what came after or before is
    then missing, although it is heard well alone."""
    if len(window.speech) < 2 or not words:
        return []
    middles = [window.start + (word.start_s + word.end_s) / 2 * SAMPLE_RATE for word in words]
    return [
        (first, end)
        for first, end in window.speech
        if end - first >= UNHEARD and not any(first <= middle < end for middle in middles)
    ]


def _inserted(words: Sequence[Word], more: Sequence[Word], at_s: float) -> tuple[Word, ...]:
    later = [replace(word, start_s=word.start_s + at_s, end_s=word.end_s + at_s) for word in more]
    return tuple(sorted((*words, *later), key=lambda word: word.start_s))


async def _next(
    waiting: "asyncio.Queue[asyncio.Task[_Pass] | None]", cutting: "asyncio.Task[None]"
) -> "asyncio.Task[_Pass] | None":
    """The next window's call, None once there are no more."""
    getting = asyncio.ensure_future(waiting.get())
    try:
        await asyncio.wait((getting, cutting), return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        with suppress(asyncio.QueueEmpty):  # the task has failed; what it had cut before is heard first
            return waiting.get_nowait()
        return None
    finally:
        getting.cancel()


async def _cut(
    audio: AsyncGenerator[Samples],
    ears: Ears,
    wish: Wish,
    settings: VadSettings,
    skip: int,
    ask: Ask,
    waiting: "asyncio.Queue[asyncio.Task[_Pass] | None]",
    calls: "set[asyncio.Task[_Pass]]",
) -> None:
    """Ask for a window as soon as it is cut, as far as `AT_ONCE` allows; not for the first ``skip``."""
    windows, state, timings = Windows(settings), VadState(), list[Timing]()
    language = wish.language

    async def send(found: list[Window]) -> None:
        nonlocal language, skip
        for window in found:
            if skip:
                skip -= 1
                continue
            call = asyncio.create_task(ask(window, tuple(timings), language), name="window")
            timings.clear()
            calls.add(call)
            await waiting.put(call)
            if language is None:  # what comes after is of the same language, and can then be decoded together
                done = await asyncio.shield(call)
                language = done.result.language if done.result.words else None

    damage: DamagedAudio | None = None
    async with aclosing(audio):
        try:
            async for hop in _hops(audio):
                result = await ears.vad(VadRequest(hop, state))
                timings.append(result.timing)
                state = result.state
                await send(windows.push(hop, result.probabilities))
        except DamagedAudio as error:
            damage = error
    await send(windows.flush())
    if damage:
        raise damage
    await waiting.put(None)


async def _hops(audio: AsyncIterator[Samples]) -> AsyncGenerator[Samples]:
    """The same audio in pieces of `HOP`, the last one filled up to whole frames with silence."""
    parts, count = list[Samples](), 0
    damage: DamagedAudio | None = None
    try:
        async for piece in audio:
            parts.append(piece)
            count += len(piece)
            while count >= HOP:
                held = np.concatenate(parts)
                yield held[:HOP]
                parts, count = [held[HOP:]], count - HOP
    except DamagedAudio as error:
        damage = error
    if count:
        held = np.concatenate(parts)
        yield np.pad(held, (0, -len(held) % FRAME))
    if damage:
        raise damage
