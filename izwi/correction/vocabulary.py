"""Which words are ordinary, so that a sentence's own words are not mistaken for a misheard name.

The lists are those of wordfreq (Speer 2022), down to words that are said about three times in ten million.
"""

import asyncio
from functools import cache

import wordfreq

from izwi.correction.sounds import spelling

LEAST_CENTIBELS = 650
"""Zipf frequency 2.5: "amiable" is still in, "sunder" and most names are not."""
MOST_COMMON = 300
"""Zipf frequency 6: "us", "so" and "am" are in, a hundred words in all; "open" and "phone" are not."""
_EDGES = " \t\n\"'“”„«»‘’()[]{}.,;:!?…。、，！？；：—–-¿¡"
_FILES = wordfreq.available_languages("small") | wordfreq.available_languages("large")
_read: set[str] = set()
"""Languages; that their words are there cannot be asked of the cache."""


async def prepare(language: str) -> None:
    """Read the words of a language (ISO 639-1) off the event loop: 0.2 s for English, once."""
    if language not in _read:
        await asyncio.to_thread(_words, language)
        _read.add(language)


def ordinary(word: str, language: str) -> bool:
    """Whether a word is an ordinary one. Where there is no list every word is: then a name has to sound more alike."""
    words = _words(language)
    if not words:
        return True
    bare = _bare(word)
    return bare in words or bare.removesuffix("'s") in words or not spelling(bare)


def common(word: str, language: str) -> bool:
    """Whether it is one of the few words that nearly every sentence has; where there is no list, none is."""
    return _words(language).get(_bare(word), MOST_COMMON + 1) <= MOST_COMMON


def _bare(word: str) -> str:
    return word.casefold().replace("’", "'").strip(_EDGES)


@cache
def _words(language: str) -> dict[str, int]:
    """In lower case, with their centibels; empty where there is no list. About 6 MB."""
    # Not `wordfreq.get_frequency_list`, which keeps the whole list in memory.
    listed = wordfreq.read_cBpack(_FILES[language]) if language in _FILES else []
    return {word: centibels for centibels, words in enumerate(listed[: LEAST_CENTIBELS + 1]) for word in words}


def looked_up() -> tuple[int, int]:
    """Times that the words of a language were at hand, and that they had to be read."""
    info = _words.cache_info()
    return info.hits, info.misses
