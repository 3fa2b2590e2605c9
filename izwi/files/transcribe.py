"""Transcribing a recording: detector, windows, recognition of several windows at once, joined in order.

    audio ──> VAD ──> windows ──> ASR (as many as the machine takes) ──> words in order

Memory is bounded by the windows under way, whatever the length. Live speech goes first at the recogniser.

Windows depend on the audio alone. Whoever goes on after an interruption so cuts the same ones again, which costs a
hundredth of recognising them, and asks for those that have not been heard.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.correction import Corrector
from izwi.errors import DamagedAudio
from izwi.files.hearing import Ears, Hearing, Wish
from izwi.files.seams import join
from izwi.files.windows import OVERLAP, Window, Windows
from izwi.segmenter import FRAME
from izwi.stage_settings import VadSettings
from izwi.stages import AsrResult, Samples, Timing, VadRequest, VadState, Word

HOP = 128 * FRAME
"""Samples per detector call: 4 s, a call of 10 ms."""
AT_ONCE = 16
"""Windows under way: two batches for either of two workers."""
NO_HOTWORDS = Corrector(())


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
    hearing = Hearing(ears, wish, corrector)
    cutting = asyncio.create_task(_cut(audio, hearing, settings, after.windows, waiting, calls), name="windows")
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
    hearing: Hearing,
    settings: VadSettings,
    skip: int,
    waiting: "asyncio.Queue[asyncio.Task[_Pass] | None]",
    calls: "set[asyncio.Task[_Pass]]",
) -> None:
    """Ask for a window as soon as it is cut, as far as `AT_ONCE` allows; not for the first ``skip``."""
    windows, state, timings = Windows(settings), VadState(), list[Timing]()
    language = hearing.wish.language

    async def hear(window: Window, detector: tuple[Timing, ...], known: str | None) -> _Pass:
        result, timings = await hearing.hear(window, known)
        return _Pass(window, result, (*(("vad", timing) for timing in detector), *timings))

    async def send(found: list[Window]) -> None:
        nonlocal language, skip
        for window in found:
            if skip:
                skip -= 1
                continue
            call = asyncio.create_task(hear(window, tuple(timings), language), name="window")
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
                result = await hearing.ears.vad(VadRequest(hop, state))
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
