"""Delays over time: do they grow while many people speak, and how soon are they small again? Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import median

from rapidfuzz.distance import Levenshtein

from loadtests.adapters.conversation import Final, Load, Observation, SpeechChunk, Translated
from loadtests.delays import Passage
from loadtests.fit import Bin, Line, bins, trend
from loadtests.speaker import Heard

BIN_S = 15.0
"""Long enough for dozens of words of many speakers, short enough for a dozen bins in three minutes."""
EDGE_S = 60.0
"""The first and the last minute are compared."""
RAMP_S = 30.0
"""A crowd's lag builds up within this time; whether it grows is asked from then on."""
RUN = 5
"""Words whose median says how late a speaker's words are: a single one may be hard to recognise."""


@dataclass(frozen=True)
class Timed:
    spoken_at: float
    """When the sample it counts from should have been sent; `time.monotonic` seconds."""
    delay_s: float

    @property
    def at(self) -> float:
        """When it arrived."""
        return self.spoken_at + self.delay_s


@dataclass
class Listener(Heard):
    """A speaker that also keeps when its delays were, and until when speech was received."""

    finals: list[Timed] = field(default_factory=list)
    told: list[tuple[float, Load]] = field(default_factory=list)
    """The server's load and when it told of it."""
    spoken: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    """By clause: when it ended, and when the first and the last piece of its audio were received."""
    _ends: dict[int, float] = field(default_factory=dict)

    def note(self, seen: Observation) -> None:
        match seen:
            case Final(at, _, text, end_s) if text.strip() and end_s is not None:
                self.finals.append(Timed(self.sent_at(end_s), at - self.sent_at(end_s)))
            case Translated(_, clause, _, end_s):
                self._ends[clause] = self.sent_at(end_s)
            case SpeechChunk(at, clause) if clause in self._ends:
                self.spoken[clause] = (self._ends[clause], self.spoken.get(clause, (0.0, at))[1], at)
            case Load(at):
                self.told.append((at, seen))
            case _:
                pass
        super().note(seen)

    @property
    def first_speech(self) -> list[Timed]:
        """From the end of each clause to the first of its audio."""
        return [Timed(end, first - end) for end, first, _ in self.spoken.values()]

    @property
    def all_speech(self) -> list[Timed]:
        """From the end of each clause until all of its audio was there: how far speech is behind."""
        return [Timed(end, last - end) for end, _, last in self.spoken.values()]


def committed(passages: Sequence[Passage], one: Heard) -> list[Timed]:
    """Delays of the words that were recognised right until they were settled, in the order of the speech."""
    said = [word for passage in passages for word in passage.words]
    counts = list(accumulate((view.committed for view in one.views), max))
    found: list[Timed] = []
    for block in Levenshtein.opcodes([word.text for word in said], one.settled):
        for offset in range(block.src_end - block.src_start if block.tag == "equal" else 0):
            word, view = said[block.src_start + offset], bisect_right(counts, block.dest_start + offset)
            if view < len(counts):
                found.append(Timed(word.at, one.views[view].at - word.at))
    return found


@dataclass(frozen=True)
class Course:
    """How one kind of delay went, in seconds over minutes since the crowd began to speak."""

    count: int
    first_minute: float | None
    """Median."""
    last_minute: float | None
    per_minute: Line | None
    """Seconds of delay per minute, through the medians of bins after `RAMP_S`."""
    by_bins: list[Bin]


def course(delays: Sequence[Timed], began: float, ended: float) -> Course:
    """Of what was spoken between ``began`` and ``ended``."""
    points = [(one.spoken_at - began, one.delay_s) for one in delays if began <= one.spoken_at < ended]
    first = [delay for at, delay in points if at < EDGE_S]
    last = [delay for at, delay in points if at >= ended - began - EDGE_S]
    binned = bins([(at / 60, delay) for at, delay in points], BIN_S / 60)
    settled = [one for one in binned if 60 * one.start >= RAMP_S]
    return Course(len(points), _median(first), _median(last), trend(settled), binned)


def usual(words: Sequence[Timed], before: float) -> float | None:
    """Median delay of the words that were spoken and settled before that time."""
    return _median([word.delay_s for word in words if word.at < before])


def recovery(words: Sequence[Timed], stopped: float, limit_s: float) -> float | None:
    """Seconds after ``stopped`` until words were never later than ``limit_s`` again.

    Judged by the median of `RUN` words in a row among those settled after ``stopped``; 0 if it was never above, None if
    it still was at the end, or if there are not enough words to tell.
    """
    after = [word for word in sorted(words, key=lambda word: word.spoken_at) if word.at >= stopped]
    runs = [after[first : first + RUN] for first in range(len(after) - RUN + 1)]
    late = [median(word.delay_s for word in run) > limit_s for run in runs]
    if not runs or late[-1]:
        return None
    if not any(late):
        return 0.0
    back = len(late) - late[::-1].index(True)  # the first run after the last late one
    return max(word.at for word in runs[back]) - stopped


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
