"""How stretched a session's updates are, and what that means for it. Pure; time is audio received.

A session updates as often as the recogniser has room, so the audio that has come in between two passes tells how
loaded the server is. Each level gives up something more: first the rate of partial transcripts, then the voice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

STRETCHED = 2.0
"""Updates this many times further apart than asked for are called stretched."""
HURRIED = 5.0
"""And this many times further apart, nothing is decoded that is not needed: see `Load.hurried`."""
RELIEF = 0.7
"""A level is left below this share of the period at which it begins, so that it does not flicker."""
SMOOTHING = 0.4
"""Weight of the newest period: about three passes decide."""


class Level(Enum):
    """What a session can count on."""

    NORMAL = "normal"
    STRETCHED = "stretched"
    """Partial transcripts come more rarely; everything else as usual."""
    CAPTIONS_ONLY = "captions_only"
    """Translations are not spoken: synthesis would take the processor from recognition."""


@dataclass(frozen=True)
class LoadState:
    level: Level
    period_s: float
    """Audio between two updates, smoothed."""


class Load:
    """Follows one session's update period.

    Args:
        wanted_s: the period without load.
        captions_only_s: period from which translations are not spoken.
        live: whether audio comes at the pace of speech. A file's passes are as far apart as its sender is ahead,
            on an idle server too.
    """

    def __init__(self, wanted_s: float, captions_only_s: float, live: Callable[[], bool] = lambda: True) -> None:
        self._wanted_s = wanted_s
        self._captions_only_s = captions_only_s
        self._live = live
        self._period_s = wanted_s
        self._told_s = wanted_s
        self.level: Level = Level.NORMAL
        self.hurried = False
        """Passes are so far apart that care is too dear: careful passes in pauses, and beams, wait for better times."""

    def observe(self, period_s: float) -> LoadState | None:
        """Take one period; returns the new state where it is worth telling: another level, or twice or half as long."""
        if not self._live():
            return None
        self._period_s += SMOOTHING * (period_s - self._period_s)
        begins_s = HURRIED * self._wanted_s
        self.hurried = self._period_s >= begins_s * (RELIEF if self.hurried else 1.0)
        level = self._judge()
        doubled = not self._told_s / 2 < self._period_s < self._told_s * 2
        if level is self.level and (level is Level.NORMAL or not doubled):
            return None
        self.level, self._told_s = level, self._period_s
        return LoadState(level, round(self._period_s, 2))

    @property
    def stretch(self) -> float:
        """How many times further apart updates are than asked for; 1 where they are in time."""
        return max(1.0, self._period_s / self._wanted_s)

    @property
    def hop_factor(self) -> int:
        """How much more audio to gather for the detector than usual."""
        return 4 if self.hurried else 1

    def _judge(self) -> Level:
        for level, begins_s in (
            (Level.CAPTIONS_ONLY, self._captions_only_s),
            (Level.STRETCHED, STRETCHED * self._wanted_s),
        ):
            inside = self.level is level or self.level is Level.CAPTIONS_ONLY
            if self._period_s >= begins_s * (RELIEF if inside else 1.0):
                return level
        return Level.NORMAL
