"""Stretches of audio cut out as it passes, so that a recording of hours needs the memory of seconds."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence

import numpy as np

from izwi.audio import Samples

Pieces = Samples | Iterable[Samples] | AsyncIterable[Samples]
"""Audio from its beginning, whole or in pieces of any size."""
_PIECE = 160_000
"""Samples looked at at once: what is held is copied with every slice, and a whole hour must not be."""


async def cut(audio: Pieces, bounds: Sequence[tuple[int, int]]) -> AsyncIterator[Samples]:
    """The samples from each first to each end, in order of ``bounds``, each as soon as it has passed; what lies beyond
    the audio's end is missing from the last ones, which may be empty.

    Args:
        audio: see `Pieces`.
        bounds: first and end sample; neither may go back from one to the next.
    """
    held = np.zeros(0, np.float32)
    begin = 0
    waiting = list(reversed(bounds))
    async for piece in _pieces(audio):
        if not waiting:
            return
        held = np.concatenate([held, piece])
        while waiting and waiting[-1][1] <= begin + held.size:
            first, last = waiting.pop()
            yield held[first - begin : last - begin].copy()
        if waiting and waiting[-1][0] > begin:
            needless = min(held.size, waiting[-1][0] - begin)
            held = held[needless:].copy()
            begin += needless
    for first, last in reversed(waiting):
        yield held[max(0, first - begin) : max(0, last - begin)]


async def _pieces(audio: Pieces) -> AsyncIterator[Samples]:
    if isinstance(audio, np.ndarray):
        for start in range(0, audio.size, _PIECE):
            yield audio[start : start + _PIECE]
    elif isinstance(audio, AsyncIterable):
        async for piece in audio:
            for start in range(0, piece.size, _PIECE):
                yield piece[start : start + _PIECE]
    else:
        for piece in audio:
            for start in range(0, piece.size, _PIECE):
                yield piece[start : start + _PIECE]
