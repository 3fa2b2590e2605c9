"""Cuts a recording into windows for the recogniser: at pauses, several utterances to a window, and where nobody pauses
at the quietest moment, with some audio on both sides. Pure; time is samples."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.replay import ReplayBuffer
from izwi.segmenter import FRAME, Closed, Opened, Segmenter
from izwi.stage_settings import VadSettings
from izwi.stages import Samples

TARGET = 6 * SAMPLE_RATE
"""Length up to which utterances share a window: a margin of silence is decoded with each, so that short ones had better
go together, but Whisper may end its text in a pause. Of ten minutes of speech it left out 4 words with this, 12 with
10 s and 28 with 20 s."""
LONGEST = 26 * SAMPLE_RATE
"""Longest window: Whisper takes 28 s."""
CUT_FROM = 16 * SAMPLE_RATE
"""Where nobody pauses, the quietest moment from here to `LONGEST`, less the overlap, is looked for."""
OVERLAP = SAMPLE_RATE
"""Audio after a forced cut that both windows have: a word at the cut is whole in one of them."""
LARGEST_GAP = SAMPLE_RATE
"""A longer pause ends a window: silence is paid for like speech."""
SMOOTH = 5
"""Frames averaged in the search for a quiet moment: a stop consonant is quiet, too."""


@dataclass(frozen=True)
class Window:
    """Audio from ``start``, an offset in the recording."""

    start: int
    samples: Samples
    cut: int | None = None
    """Offset of the forced cut at its end; the next window begins before it."""
    speech: tuple[tuple[int, int], ...] = ()
    """Offsets of the utterances in it, first and end."""


class Windows:
    """Holds no more audio than one window."""

    def __init__(self, settings: VadSettings) -> None:
        self._segmenter = Segmenter(settings)
        self._audio = ReplayBuffer()
        self._probabilities: deque[float] = deque()
        self._first_frame = 0
        """Number of the first of those."""
        self._begin: int | None = None
        """Of the window."""
        self._end = 0
        """Of the last utterance in it that is closed."""
        self._open: int | None = None
        """Beginning of the utterance that is not closed."""
        self._speech: list[tuple[int, int]] = []
        """Utterances of the window that are closed."""

    def push(self, samples: Samples, probabilities: tuple[float, ...]) -> list[Window]:
        """Feed whole frames, ``samples`` of shape (512 * len(probabilities),)."""
        found: list[Window] = []
        for index, probability in enumerate(probabilities):
            frame = samples[index * FRAME : (index + 1) * FRAME]
            self._audio.append(frame)
            self._probabilities.append(probability)
            for event in self._segmenter.push(frame, (probability,)):
                match event:
                    case Opened(start):
                        found += self._opened(start)
                    case Closed(end):
                        self._close(end)
                    case _:
                        pass
            found += self._grown()
        self._forget()
        return found

    def flush(self) -> list[Window]:
        """The recording ended."""
        if self._open is not None:
            self._close(self._audio.end)
        return self._emit()

    def _close(self, end: int) -> None:
        if self._open is not None:
            self._speech.append((self._open, end))
        self._open, self._end = None, end

    def _opened(self, start: int) -> list[Window]:
        found = self._emit() if start - self._end > LARGEST_GAP else []
        self._open = start
        if self._begin is None:
            self._begin = start
        return found

    def _grown(self) -> list[Window]:
        """Windows that are long enough now."""
        if self._begin is None:
            return []
        if self._open is None:
            return self._emit() if self._audio.end - self._end > LARGEST_GAP or self._end - self._begin > TARGET else []
        if self._open > self._begin and self._audio.end - self._begin > TARGET:
            return self._emit()
        return self._cut(self._begin) if self._audio.end - self._begin >= LONGEST else []

    def _emit(self) -> list[Window]:
        """What is closed; the open utterance begins the next window."""
        if self._begin is None:
            return []
        samples = self._audio.read(self._begin, self._end - self._begin)
        window = Window(self._begin, samples, speech=tuple(self._speech))
        self._begin, self._speech = self._open, []
        return [window]

    def _cut(self, begin: int) -> list[Window]:
        first = (begin + CUT_FROM) // FRAME - self._first_frame
        last = (begin + LONGEST - OVERLAP) // FRAME - self._first_frame
        speech = np.convolve(np.array(self._probabilities), np.ones(SMOOTH) / SMOOTH, mode="same")
        cut = (self._first_frame + first + int(np.argmin(speech[first:last]))) * FRAME
        samples = self._audio.read(begin, cut + OVERLAP - begin)
        window = Window(begin, samples, cut, ((begin, cut + OVERLAP),))
        self._begin = self._open = cut - OVERLAP
        return [window]

    def _forget(self) -> None:
        """Drop what no window needs any more."""
        needed = self._begin if self._begin is not None else self._segmenter.safe_position
        self._audio.acknowledge(needed)
        while self._probabilities and (self._first_frame + 1) * FRAME <= self._audio.begin:
            self._probabilities.popleft()
            self._first_frame += 1
