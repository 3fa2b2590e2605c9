"""Which words are common, so that a sentence's own words are not mistaken for a misheard name.

The lists are the small ones of wordfreq (Speer 2022): what is said about once in a million words or more often.
"""

from collections.abc import Mapping
from functools import cache

import wordfreq

from izwi.correction.sounds import spelling

_LISTS = wordfreq.available_languages("small")


@cache
def _words(language: str) -> Mapping[str, float]:
    """By the word as it is written in lower case; empty where there is no list. 3 MB and 30 ms for English."""
    return wordfreq.get_frequency_dict(language, "small") if language in _LISTS else {}


def common(word: str, language: str) -> bool:
    """Whether a word is ordinary in a language (ISO 639-1). Where there is no list every word is: then a name needs to
    sound the more alike."""
    words = _words(language)
    if not words:
        return True
    bare = word.casefold().replace("’", "'").strip(_EDGES)
    return bare in words or bare.removesuffix("'s") in words or not spelling(bare)


_EDGES = " \t\n\"'“”„«»‘’()[]{}.,;:!?…。、，！？；：—–-¿¡"
