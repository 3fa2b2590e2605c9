"""How many tokens a second of speech takes, learned for each language from windows that could be believed.

A window that loops decodes up to its token limit, and the windows of its batch wait for it. English takes 3 tokens a
second, what Whisper spells in bytes 14: a limit for all is three times too high for most.
"""

from collections import defaultdict, deque

from deployments.asr import guard

KNOWN = 20
"""Windows after which a language's rate is trusted."""
REMEMBERED = 200
SLACK = 1.5
"""Times the fastest speech heard lately that a window may hold."""
START = 6
"""Tokens for the first word and its punctuation, whatever the length."""


class TokenRate:
    """Token limits of windows, by language. Used by several threads: each step is atomic."""

    def __init__(self) -> None:
        self._heard: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def note(self, language: str, tokens: int, seconds: float) -> None:
        """A window of ``seconds`` was believed to hold ``tokens``."""
        self._heard[language].append(tokens / (seconds + 1))

    def limit(self, language: str, seconds: float) -> int:
        """Tokens after which a window of ``seconds`` has failed, or holds faster speech than was ever heard."""
        limit, heard = guard.token_limit(seconds), list(self._heard[language])
        if len(heard) < KNOWN:
            return limit
        return min(limit, START + int(SLACK * max(heard) * (seconds + 1)))
