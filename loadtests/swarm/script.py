"""What a live user says: turns with long pauses between them, in a room that is never quite silent. Pure."""

import random
from collections.abc import Sequence

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.stages import Samples
from loadtests.corpus import Clip, Placed

LOUD = 0.1
"""A chunk has speech in it from this share of its recording's loudness on, as a factor of RMS: -20 dB."""
JITTER = (0.5, 1.5)
"""Pauses are so many times as long as they are on average."""
LEAST_PAUSE_S = 1.0
"""Longer than the endpoint: a turn is never joined to the next one."""


class Script:
    """An endless stream, made as it is read.

    Args:
        clips: a turn is one of them, whole.
        duty: share of the time that is speech; pauses follow from it and from how long turns are.
        noise: of the room, heard all the time, over and over.
        source: of order, pauses and where in the noise it begins.
    """

    def __init__(self, clips: Sequence[Clip], duty: float, noise: Samples, source: random.Random) -> None:
        self._clips = clips
        self._rest = 1 / duty - 1
        self._noise = noise
        self._offset = source.randrange(len(noise))
        self._source = source
        self._order: list[Clip] = []
        self._rms = {clip.name: float(np.sqrt(np.mean(clip.samples**2))) for clip in clips}
        self.position = 0
        self.turns: list[Placed] = []
        """Those that have begun, and the next one."""
        self._plan(round(self._pause(self._mean_length()) * source.random()))

    def read(self, count: int) -> tuple[Samples, bool]:
        """The next ``count`` samples, and whether there is speech in them."""
        begin, end = self.position, self.position + count
        audio = self._room(begin + self._offset, count)
        speech = False
        if begin >= _end(self.turns[-1]):
            self._plan(_end(self.turns[-1]) + round(self._pause(len(self.turns[-1].clip.samples))))
        for turn in self.turns[-2:]:
            first, last = max(begin, turn.start), min(end, _end(turn))
            if first < last:
                spoken = turn.clip.samples[first - turn.start : last - turn.start]
                audio[first - begin : last - begin] += spoken
                speech |= float(np.sqrt(np.mean(spoken**2))) > LOUD * self._rms[turn.clip.name]
        self.position = end
        return audio, speech

    @property
    def silent(self) -> bool:
        """Between two turns, so that one may leave without breaking off."""
        return not self.turns[-1].start < self.position < _end(self.turns[-1])

    def said(self) -> list[Placed]:
        """Turns that have been spoken to their end."""
        return [turn for turn in self.turns if _end(turn) <= self.position]

    def _room(self, begin: int, count: int) -> Samples:
        begin %= len(self._noise)
        audio = self._noise[begin : begin + count]
        return np.concatenate([audio, self._noise[: count - len(audio)]])  # a copy, where it fits as well

    def _plan(self, start: int) -> None:
        self._order = self._order or self._source.sample(list(self._clips), len(self._clips))
        self.turns.append(Placed(self._order.pop(), start))

    def _pause(self, length: float) -> float:
        return max(LEAST_PAUSE_S * SAMPLE_RATE, length * self._rest * self._source.uniform(*JITTER))

    def _mean_length(self) -> float:
        return float(np.mean([len(clip.samples) for clip in self._clips]))


def seconds(samples: int) -> float:
    """Time of an offset."""
    return samples / SAMPLE_RATE


def _end(turn: Placed) -> int:
    return turn.start + len(turn.clip.samples)
