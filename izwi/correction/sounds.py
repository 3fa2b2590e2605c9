"""How words are spelled and how they sound, in letters that can be compared."""

import unicodedata
from functools import lru_cache

import jellyfish
from anyascii import anyascii

CACHED = 20_000


@lru_cache(CACHED)
def spelling(text: str) -> str:
    """Letters and digits alone, in lower case and in Latin: "Wisława " is "wislawa", "Владимир" is "vladimir".

    Chinese is read as Pinyin without tones, so that homophones are spelled alike; so are Japanese kanji, which are read
    as if they were Chinese.
    """
    latin = anyascii(unicodedata.normalize("NFC", text)).casefold()
    return "".join(filter(str.isalnum, latin))


@lru_cache(CACHED)
def sound(spelled: str) -> str:
    """Metaphone (Philips 1990) of a `spelling`: its consonants, those alike in English as one letter; may be empty."""
    return jellyfish.metaphone(spelled)
