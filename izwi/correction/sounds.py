"""How words are spelled and how they sound, in letters that can be compared."""

import re
import unicodedata
from functools import lru_cache

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


_RULES = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("^kn", "n"),
        ("^wr", "r"),
        ("^ps", "s"),
        ("ght", "t"),
        ("gh", "k"),
        ("ph", "f"),
        ("tsch|tch|sch|sh|ch|cz|zh|sz", "C"),
        ("ck|q(?!u)", "k"),
        ("qu", "kw"),
        ("dg(?=[eiy])|dj|j|g(?=[eiy])", "C"),
        ("[cz](?=[eiy])|z", "s"),
        ("x", "ks"),
        ("th|d", "t"),
        ("[cg]", "k"),
        ("b", "p"),
        ("v", "f"),
        ("[aeiouy]+h?", "a"),
        ("(?<=.)h", ""),
        (r"(.)\1+", r"\1"),
    )
)
"""English letters to sounds, voiced and unvoiced ones together, all vowels as one: a recogniser that does not know a
name gets its consonants and syllables about right. C is any of sh, ch and j."""


@lru_cache(CACHED)
def sound(spelled: str) -> str:
    """What a `spelling` sounds like: "pitcheye" and "pichai" are both "paCa".

    The idea is that of Metaphone (Philips 1990), whose English rules are finer; but it drops vowels and with them the
    syllables, and finds fewer misheard names for it.
    """
    for pattern, heard in _RULES:
        spelled = pattern.sub(heard, spelled)
    return spelled


def joined(before: str, after: str) -> str:
    """The sound of two words, one after the other."""
    return before + (after[1:] if before[-1:] == after[:1] else after)
