"""What hotwords gained, from what was said and what was heard. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
from anyascii import anyascii
from whisper_normalizer.english import EnglishTextNormalizer

_normal = EnglishTextNormalizer()


@dataclass(frozen=True)
class Heard:
    """One text that was said."""

    said: str
    text: str
    """As it was recognised."""
    name: str = ""
    """The hotword in it; empty in ordinary speech."""


def has_name(text: str, name: str) -> bool:
    """Whether a text has all words of a name, one after the other; case, accents, hyphens and apostrophes aside."""
    return f" {_plain(name)} " in f" {_plain(text)} "


def recall(heard: Sequence[Heard]) -> float:
    """Share of names that were written, in per cent."""
    named = [one for one in heard if one.name]
    return 100 * sum(has_name(one.text, one.name) for one in named) / len(named)


def wer(heard: Sequence[Heard]) -> float:
    """Word error rate, in per cent, after Whisper's normalisation."""
    return 100 * jiwer.wer([_normal(one.said) for one in heard], [_normal(one.text) for one in heard])


def false_names(heard: Sequence[Heard], names: Sequence[str]) -> int:
    """Names written where they were not said."""
    return sum(has_name(one.text, name) and not has_name(one.said, name) for one in heard for name in names)


def _plain(text: str) -> str:
    latin = re.sub(r"'s\b", "", anyascii(text).casefold()).replace("'", "")
    return " ".join("".join(c if c.isalnum() else " " for c in latin).split())
