import pytest

from izwi.errors import IzwiError, UnknownVoice, UnsupportedLanguage
from izwi.stages import Voice
from izwi.voices import ALIASES, Choice, aliases, resolve_voice

VOICES = (
    Voice("joe", "piper", frozenset({"en"})),
    Voice("jm_kumo", "kokoro", frozenset({"en", "es", "fr"})),
    Voice("jf_nezumi", "kokoro", frozenset({"en", "es"})),
    Voice("espeak-de", "espeak", frozenset({"de"})),
    Voice("espeak-en", "espeak", frozenset({"en"})),
)


@pytest.mark.parametrize(
    ("voice", "language", "engine", "choice"),
    [
        (None, None, None, Choice("joe", "en")),
        (None, "es", None, Choice("jm_kumo", "es")),
        (None, "de", None, Choice("espeak-de", "de")),
        ("alloy", None, None, Choice("joe", "en")),
        ("alloy", "es", None, Choice("jm_kumo", "es")),
        ("nova", None, None, Choice("jf_nezumi", "en")),
        ("nova", "fr", None, Choice("jm_kumo", "fr")),  # its own voice does not speak it
        ("nova", "de", None, Choice("espeak-de", "de")),
        ("alloy", None, "kokoro", Choice("jm_kumo", "en")),
        ("alloy", None, "espeak", Choice("espeak-en", "en")),
        ("joe", None, None, Choice("joe", "en")),
        ("espeak-de", None, None, Choice("espeak-de", "de")),
        ("jm_kumo", None, None, Choice("jm_kumo", "en")),
        ("jm_kumo", "fr", "kokoro", Choice("jm_kumo", "fr")),
    ],
)
def test_choices(voice: str | None, language: str | None, engine: str | None, choice: Choice) -> None:
    assert resolve_voice(voice, language, engine, VOICES) == choice


@pytest.mark.parametrize(
    ("voice", "language", "engine", "error", "told"),
    [
        ("john", None, None, UnknownVoice("").about("voice"), "'john'; known: joe, jm_kumo, .*alloy"),
        ("", None, None, UnknownVoice("").about("voice"), "known: joe"),
        ("joe", None, "kokoro", UnknownVoice("").about("voice"), "'joe' of kokoro; known: jm_kumo, jf_nezumi, alloy"),
        ("joe", "es", None, UnsupportedLanguage("").about("language"), "joe does not speak Spanish; it speaks en"),
        ("alloy", "xx", None, UnsupportedLanguage("").about("language"), "no voice for xx; supported: de, en, es, fr"),
        (None, "de", "piper", UnsupportedLanguage("").about("language"), "no voice for German; supported: en"),
    ],
)
def test_refusals(voice: str | None, language: str | None, engine: str | None, error: IzwiError, told: str) -> None:
    with pytest.raises(type(error), match=told) as failure:
        resolve_voice(voice, language, engine, VOICES)
    assert failure.value.param == error.param


def test_a_message_does_not_list_a_hundred_voices() -> None:
    many = [Voice(f"v{number}", "espeak", frozenset({"en"})) for number in range(100)]
    with pytest.raises(UnknownVoice, match=r"v11, \.\.\., alloy"):
        resolve_voice("john", None, None, many)


def test_every_alias_means_a_voice_wherever_english_is_spoken() -> None:
    assert set(aliases(VOICES)) == set(ALIASES)
    assert set(aliases(VOICES).values()) <= {voice.name for voice in VOICES}
    assert aliases([VOICES[3]]) == {}
