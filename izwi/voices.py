"""Which voice speaks: the client's choice, or a name of OpenAI's, made into a voice that is loaded. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from izwi.errors import UnknownVoice, UnsupportedLanguage
from izwi.languages import display_name
from izwi.stages import Voice

DEFAULT_LANGUAGE = "en"
MOST_TOLD = 12
"""Voices named in a message: espeak-ng alone has one for each of 80 languages."""

_LOW = ("joe", "jm_kumo")
ALIASES: dict[str, tuple[str, ...]] = {
    "alloy": _LOW,
    "ash": _LOW,
    "ballad": _LOW,
    "cedar": _LOW,
    "echo": _LOW,
    "fable": _LOW,
    "onyx": _LOW,
    "verse": _LOW,
    "coral": ("jf_alpha",),
    "marin": ("jf_gongitsune",),
    "nova": ("jf_nezumi",),
    "sage": ("jf_tebukuro",),
    "shimmer": ("jf_alpha",),
}
"""OpenAI's voices by ours that are nearest: the first that is loaded and speaks the language, else its default."""


@dataclass(frozen=True)
class Choice:
    voice: str
    language: str
    """ISO 639-1."""


def resolve_voice(name: str | None, language: str | None, engine: str | None, voices: Sequence[Voice]) -> Choice:
    """
    Args:
        name: a voice, an alias, or None for the default voice of the language.
        language: ISO 639-1; None takes it from the voice if it speaks only one, and else English.
        engine: only voices of this engine; None for any.
        voices: those that are loaded, in order of preference.

    Raises:
        UnknownVoice: neither a voice (of this engine) nor an alias.
        UnsupportedLanguage: no voice, or not this one, speaks the language.
    """
    offered = [voice for voice in voices if engine in (None, voice.engine)]
    if name is None or name in ALIASES:
        return _default(ALIASES.get(name or "", ()), language or DEFAULT_LANGUAGE, offered)
    voice = next((voice for voice in offered if voice.name == name), None)
    if voice is None:
        told = [
            *(voice.name for voice in offered[:MOST_TOLD]),
            *(["..."] if len(offered) > MOST_TOLD else []),
            *ALIASES,
        ]
        of = f" of {engine}" if engine else ""
        raise UnknownVoice(f"there is no voice {name!r}{of}; known: {', '.join(told)}").about("voice")
    if language is None:
        language = next(iter(voice.languages)) if len(voice.languages) == 1 else DEFAULT_LANGUAGE
    if language not in voice.languages:
        spoken = ", ".join(sorted(voice.languages))
        told = f"the voice {name} does not speak {display_name(language)}; it speaks {spoken}"
        raise UnsupportedLanguage(told).about("language")
    return Choice(voice.name, language)


def aliases(voices: Sequence[Voice]) -> dict[str, str]:
    """What each alias means where the request names no language; empty where no voice speaks the default one."""
    if not any(DEFAULT_LANGUAGE in voice.languages for voice in voices):
        return {}
    return {alias: resolve_voice(alias, None, None, voices).voice for alias in ALIASES}


def _default(preferred: Sequence[str], language: str, offered: Sequence[Voice]) -> Choice:
    """The first preferred voice that speaks the language, else the first one at all that does."""
    speakers = [voice.name for voice in offered if language in voice.languages]
    if not speakers:
        known = ", ".join(sorted(frozenset[str]().union(*(voice.languages for voice in offered))))
        raise UnsupportedLanguage(f"no voice for {display_name(language)}; supported: {known}").about("language")
    return Choice(next((name for name in preferred if name in speakers), speakers[0]), language)
