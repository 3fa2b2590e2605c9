"""Judges a decoded window: short windows make Whisper loop, and silence makes it invent.

Thresholds for compression, log-probability and no-speech are those of Whisper (Radford et al. 2022, section 4.5).
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

MAX_COMPRESSION = 2.4
MIN_LOGPROB = -1.0
MAX_NO_SPEECH = 0.6
MAX_NO_SPEECH_DOUBTFUL = 0.3
"""For text of `DOUBTFUL_LOGPROB`: what is invented on noises scores 0.3 to 0.8, lone words below that."""
DOUBTFUL_LOGPROB = -0.85
"""What is invented on noises scores -0.9 and less, words as short as "okay" -0.8 and more."""
TOKENS_PER_S = 14
"""Fast English takes 7 tokens a second, scripts that Whisper spells in bytes about twice that."""
MAX_TOKENS = 224
"""Whisper was trained on at most this many text tokens per 30 s."""
_MAX_UNIT = 24
"""Longest repeated unit looked for, in tokens: about a sentence."""
_PHRASE_BYTES = 12
"""Shorter phrases may well be said twice: "I want to, I want to go"."""
_TWICE = re.compile(rb"(.{%d,}?)\1" % _PHRASE_BYTES, re.DOTALL)
_INVENTED = frozenset(
    {"you", "thank you", "thank you very much", "thanks for watching", "thank you for watching", "bye", "the", "so"}
)
"""What Whisper writes over noise and silence, stripped and in lower case."""


@dataclass(frozen=True)
class Decoded:
    """One decoding of a window."""

    tokens: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech_prob: float
    capped: bool = False
    """Decoding ended at the token limit, not at an end-of-text token."""
    padded: bool = False
    """The window was filled up to 30 s."""


class Verdict(Enum):
    """What to think of a decoding."""

    GOOD = "good"
    SILENCE = "silence"
    LOOP = "loop"
    REPEAT = "repeat"
    CAPPED = "capped"
    UNSURE = "unsure"


def token_limit(seconds: float) -> int:
    """Tokens that ``seconds`` of speech can hold; a decoding that needs more is not speech."""
    return min(MAX_TOKENS, 10 + int(TOKENS_PER_S * seconds))


def judge(decoded: Decoded) -> Verdict:
    """Whether a decoding can be believed; anything but GOOD and SILENCE asks for a longer window."""
    if is_silence(decoded):
        return Verdict.SILENCE
    if find_loop(decoded.tokens) or compression_ratio(decoded.text) > MAX_COMPRESSION:
        return Verdict.LOOP
    if decoded.capped:
        return Verdict.CAPPED
    if says_twice(decoded.text):
        return Verdict.REPEAT
    return Verdict.UNSURE if _doubtful(decoded) else Verdict.GOOD


def is_silence(decoded: Decoded) -> bool:
    """Nobody spoke: the model says so and doubts its text, or the text is one that it is known to invent."""
    text = decoded.text.strip().strip(".!?… ").lower()
    if not any(map(str.isalnum, text)):
        return True
    if _doubtful(decoded):
        return decoded.no_speech_prob > (MAX_NO_SPEECH_DOUBTFUL if decoded.padded else MAX_NO_SPEECH)
    return text in _INVENTED and decoded.no_speech_prob > MAX_NO_SPEECH


def _doubtful(decoded: Decoded) -> bool:
    """Improbable; or not quite, but then the model doubts that anybody spoke."""
    if decoded.no_speech_prob > MAX_NO_SPEECH_DOUBTFUL:
        return decoded.avg_logprob < DOUBTFUL_LOGPROB
    return decoded.avg_logprob < MIN_LOGPROB


def find_loop(tokens: Sequence[int]) -> tuple[int, int] | None:
    """The first unit that repeats back to back too often to be speech: (index after its first copy, index after all).

    One token must come 6 times, two tokens 4 times, longer units 3 times: people do say "no, no, no".
    """
    for start in range(len(tokens)):
        for size in range(1, min(_MAX_UNIT, (len(tokens) - start) // 3) + 1):
            unit = tokens[start : start + size]
            end = start + size
            while tokens[end : end + size] == unit:
                end += size
            if (end - start) // size >= {1: 6, 2: 4}.get(size, 3):
                rest = tokens[end:]  # the token limit may have ended the last copy
                return start + size, len(tokens) if rest == unit[: len(rest)] else end
    return None


def says_twice(text: str) -> bool:
    """A phrase follows itself at once, case and punctuation aside.

    This is how a short window usually fails: "the air is pure the air is pure", with high probability. People do
    it too, so that it asks for a longer window but is never cut. Measured in UTF-8 bytes, as a phrase of Chinese
    has a third of the characters of an English one.
    """
    return _TWICE.search("".join(filter(str.isalnum, text.lower())).encode()) is not None


def find_echo(words: Sequence[str]) -> int | None:
    """Where the end of a text begins to repeat what stands before it; None where it does not.

    Looks for what `says_twice` looks for, but whole words up to the last one, which may be cut off: a short window
    that fails goes on repeating until it ends.

    Returns:
        The number of words before the first repeated one.
    """
    places = [(place, key) for place, word in enumerate(words) if (key := "".join(filter(str.isalnum, word.lower())))]
    keys = [key for _, key in places]
    for start in range(len(keys)):
        if len("".join(keys[start:]).encode()) < 2 * _PHRASE_BYTES:
            return None  # what is left is too short to be a phrase and its echo
        for size in range(1, (len(keys) - start) // 2 + 1):
            second, third = start + size, start + 2 * size
            if all(keys[i] == keys[i - size] for i in range(second, max(third, len(keys) - 1))):
                return places[second][0]
    return None


def cut_loops(tokens: tuple[int, ...]) -> tuple[int, ...]:
    """Keep the first copy of every looping unit."""
    while loop := find_loop(tokens):
        tokens = tokens[: loop[0]] + tokens[loop[1] :]
    return tokens


def compression_ratio(text: str) -> float:
    """Bytes over zlib-compressed bytes; repetitive text compresses well."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0
