"""May this session start? Checks what a client asks for against what the stages can do."""

import time
from collections import deque
from collections.abc import Callable

from deployments.ingress import memory
from izwi.errors import Overloaded, UnsupportedLanguage, UnsupportedPair
from izwi.messages import SessionStart
from izwi.stages import Capabilities

BUSY_S = 0.5
"""Wait for a turn at the recogniser from which newcomers are let in one at a time."""
PACE_S = 1.5
"""Seconds between them: only then does the load of the one before show."""
CROWD = 32
"""Newcomers within that time who are let in while nobody waits: a hundred who come at once would all be in before
their load shows."""


def check(start: SessionStart, capabilities: dict[str, Capabilities]) -> None:
    """Raise `UnsupportedLanguage` or `UnsupportedPair`, naming what is supported."""
    source, target = start.source_language, start.target_language
    heard = capabilities["asr"].languages
    if source != "auto" and source not in heard:
        raise UnsupportedLanguage(f"source_language {source!r} is not supported; supported: auto, {_list(heard)}")
    if target is None:
        return
    pairs = capabilities["mt"].pairs
    if source == "auto":
        if target not in {pair[1] for pair in pairs}:
            raise UnsupportedPair(f"nothing translates to {target!r}; supported: {_arrows(pairs)}")
    elif source != target and (source, target) not in pairs:
        raise UnsupportedPair(f"{source}→{target} is not supported; supported: {_arrows(pairs)}")
    spoken = capabilities["tts"].languages
    if start.speech and target not in spoken:
        raise UnsupportedLanguage(f"no voice speaks {target!r}; supported: {_list(spoken)}; or ask for speech: false")


class Newcomers:
    """Lets new sessions in while those who speak are served in time, and while there is memory for more.

    Args:
        threshold_s: wait for a turn at the recogniser beyond which nobody is let in.
        clock: monotonic seconds.
        shortage: says what is wrong with this replica's memory, or nothing.
    """

    def __init__(
        self,
        threshold_s: float,
        clock: Callable[[], float] = time.monotonic,
        shortage: Callable[[], str | None] = memory.shortage,
    ) -> None:
        self._threshold_s = threshold_s
        self._clock = clock
        self._shortage = shortage
        self._lately: deque[float] = deque()
        """When those came who were let in within `PACE_S`."""

    def admit(self, wait_s: float) -> None:
        """Let one in, or raise as `look` does."""
        self.look(wait_s)
        self._lately.append(self._clock())

    def look(self, wait_s: float) -> None:
        """Raise `Overloaded` where somebody has waited too long, where too many have just come, or where memory is
        short."""
        now = self._clock()
        while self._lately and self._lately[0] <= now - PACE_S:
            self._lately.popleft()
        if wait_s > self._threshold_s:
            raise Overloaded(
                f"recognition is {wait_s:.1f} s behind; new sessions are taken below {self._threshold_s:g} s"
            )
        if wait_s > BUSY_S and self._lately:
            raise Overloaded("the server is busy and takes new sessions one at a time")
        if len(self._lately) >= CROWD:
            raise Overloaded("too many new sessions at once")
        if self._shortage():
            raise Overloaded("the server is short of memory and takes no new sessions")


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _arrows(pairs: frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{source}→{target}" for source, target in sorted(pairs))
