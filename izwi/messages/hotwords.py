"""Hotwords as clients give them, and what is told about those that were recognised."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from izwi.messages.base import Data

MOST_HOTWORDS = 500
"""In one list, and in one session or request with those of its lists."""
MOST_LISTS = 8
"""Lists named by one session or request."""
LONGEST = 64
"""Characters of one hotword."""


def _sayable(text: str) -> str:
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text):
        raise ValueError("a hotword has no control characters")
    if not any(map(str.isalnum, text)):
        raise ValueError("a hotword has a letter or a digit")
    return text


Hotword = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST), AfterValidator(_sayable)
]
"""A name or term as it is to be written, of one or more words, in any script."""
ListName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]{0,63}$")]


class HotwordMatch(Data):
    """A hotword that was recognised."""

    heard: str
    """As the recogniser wrote it; the same as ``hotword`` where there was nothing to correct."""
    hotword: str
    score: float
    """Similarity of the two, by spelling and sound, 0 to 1."""
    start_s: float
    end_s: float


class StageTime(Data):
    """Milliseconds."""

    queue: float
    """Waiting for a worker."""
    compute: float
    """Working; of a batch, the request's share."""


class Meta(Data):
    """How a result came about, for those who asked with ``debug``."""

    timings_ms: dict[str, StageTime]
    """By stage: vad, asr, mt, tts, speakers, llm; those that were called."""
    hotword_matches: list[HotwordMatch]
    trace_id: str | None = None
    """32 hex digits; null where the utterance or request was not traced."""
