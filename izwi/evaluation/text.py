"""What of a text counts when words are compared. Pure."""

import unicodedata
from collections.abc import Callable
from importlib import import_module

from izwi.agreement import normalise
from izwi.errors import PackageMissing

Normaliser = Callable[[str], str]
"""A text to the words that count, with single spaces between them."""


def words(text: str) -> list[str]:
    """Words of a text, without case and punctuation."""
    return [bare for part in text.split() if (bare := normalise(part)) and bare[0].isalnum()]


def plain(text: str) -> str:
    """Words without case and punctuation; a hyphen or a dash separates words, since people and recognisers differ over
    where to write one."""
    spaced = "".join(" " if unicodedata.category(char) == "Pd" else char for char in text)
    return " ".join(words(spaced))


def whisper(language: str | None) -> Normaliser:
    """The normaliser that came with Whisper and that published figures of English use: it writes numbers, spellings and
    contractions in one way, and does so in English only.

    Args:
        language: ISO 639-1 or None.

    Raises:
        PackageMissing: it is not installed.
    """
    try:
        if language == "en":
            return import_module("whisper_normalizer.english").EnglishTextNormalizer()
        return import_module("whisper_normalizer.basic").BasicTextNormalizer()
    except ImportError:
        raise PackageMissing("Whisper's normaliser needs an extra package: pip install 'izwi[bench]'") from None
