"""How far speech is behind, in audio time, and what is done about it. Pure.

The client is taken to play what it gets, without gaps: a piece that comes while another one plays waits for it. So the
speech that it has not played yet follows from the pieces and from the session time at which each was sent.
"""

from dataclasses import dataclass

from izwi.session_settings import SessionSettings

PRIOR_S = 0.065
"""Seconds per character before anything was said: Piper and Kokoro took 0.05 to 0.075 in three languages."""
PRIOR_CHARS = 30
"""Characters that the prior counts for: one clause outweighs it, as Chinese takes 0.35 s per character."""
MEMORY_CHARS = 600
"""Characters that the rate is learned from, about ten clauses: another engine, when it takes over, has another."""


@dataclass(frozen=True)
class Pace:
    """How a clause is said."""

    speed: float = 1.0
    """Times the speed that the client asked for."""
    backlog_s: float = 0.0
    """The backlog when the clause's turn came, without the clause itself."""


def pace(backlog_s: float, limits: SessionSettings) -> Pace:
    """The speed that a backlog asks for: it rises linearly between the first two steps of the ladder, then stays."""
    share = (backlog_s - limits.speech_hurry_s) / (limits.speech_merge_s - limits.speech_hurry_s)
    speed = 1 + (limits.speech_hurry_speed - 1) * min(max(share, 0.0), 1.0)
    return Pace(round(speed, 2), round(backlog_s, 2))


class Backlog:
    """Speech sent and not yet played, what is being said, and an estimate of what waits. Seconds of session time.

    Args:
        speed: what the client asked for; 2 is twice as fast.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._busy_until_s = 0.0
        self._seconds = PRIOR_S * PRIOR_CHARS / speed
        self._chars = float(PRIOR_CHARS)
        self._turn_chars = 0
        self._turn_speed = 1.0
        self._turn_s = 0.0  # of this turn's speech, what has been sent

    def at(self, received_s: float, waiting_chars: int) -> float:
        """The backlog once ``received_s`` of audio are in, with translations of ``waiting_chars`` still to be said."""
        coming = max(0.0, self.estimate(self._turn_chars) / self._turn_speed - self._turn_s)
        return max(0.0, self._busy_until_s - received_s) + coming + self.estimate(waiting_chars)

    def estimate(self, chars: int) -> float:
        """Seconds that a text takes at the speed the client asked for, going by what has been said so far."""
        return chars * self._seconds / self._chars

    def begin(self, chars: int, speed: float) -> None:
        """A synthesis begins."""
        self._turn_chars, self._turn_speed, self._turn_s = chars, speed, 0.0

    def sent(self, received_s: float, seconds: float) -> None:
        """A piece of its speech has gone out."""
        self._busy_until_s = max(self._busy_until_s, received_s) + seconds
        self._turn_s += seconds

    def finish(self, whole: bool) -> None:
        """The synthesis is over; one that was broken off teaches nothing about the rate."""
        if whole and self._turn_s > 0:
            kept = min(1.0, MEMORY_CHARS / self._chars)
            self._seconds = self._seconds * kept + self._turn_s * self._turn_speed
            self._chars = self._chars * kept + self._turn_chars
        self.begin(0, 1.0)

    def forget(self, received_s: float) -> None:
        """Nobody listens along: what has been sent keeps nobody waiting."""
        self._busy_until_s = min(self._busy_until_s, received_s)
