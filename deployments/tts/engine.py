"""What a speech synthesiser must do, and which synthesisers this machine can run."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from izwi import catalog
from izwi.errors import ModelMissing, UnsupportedLanguage
from izwi.languages import display_name
from izwi.settings import Settings

Pcm = npt.NDArray[np.int16]
"""Mono, shape (n,)."""
SILENT: Pcm = np.zeros(0, np.int16)
"""What a text without anything to say sounds like."""

# Control characters end the input of some engines, and brackets open phoneme notation in Piper and espeak-ng.
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\[\]]")
# Some fifty dotted letters in a row, as in an endless abbreviation, crash espeak-ng, and Piper has it in-process.
_DOTTED = re.compile(r"(?:[^\s.]{1,4}\.){9,}")


class TtsEngine(Protocol):
    """Safe to call from several threads; remembers nothing between calls."""

    @property
    def name(self) -> str: ...

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1."""
        ...

    @property
    def voices(self) -> Mapping[str, frozenset[str]]:
        """The languages of each voice; the default voice of a language comes before its others."""
        ...

    @property
    def speeds(self) -> tuple[float, float]:
        """The slowest and the fastest speed that it keeps to and stays intelligible at."""
        ...

    @property
    def quick(self) -> bool:
        """A whole clause takes too little time to be worth cutting it for an earlier first sound."""
        ...

    def synthesise(self, text: str, language: str, voice: str | None, speed: float) -> tuple[Pcm, int]:
        """Speech for one piece of text.

        Args:
            text: anything; a text without letters or digits gives `SILENT`.
            language: one of `languages`.
            voice: a name this engine knows; any other name gets its default, because the names of one engine
                mean nothing to the next one in the fallback order.
            speed: 1 is normal, 2 twice as fast; within `speeds`.

        Returns:
            int16 PCM, shape (n,), and its sample rate in Hz.
        """
        ...


def load(settings: Settings) -> list[TtsEngine]:
    """The engines of ``settings.tts.engines`` that can run here, in that order.

    Raises:
        ModelMissing: none can.
    """

    def build(name: str) -> TtsEngine:
        match name:
            case "piper":
                from deployments.tts.piper import Piper

                return Piper(settings)
            case "kokoro":
                from deployments.tts.kokoro import Kokoro

                return Kokoro(settings)
            case "espeak":
                from deployments.tts.espeak import Espeak

                return Espeak()
            case _:
                raise ModelMissing(f"tts engine {name} is in the catalog but has no code")

    return catalog.load("tts", settings.tts.engines, build)


def check_language(languages: Iterable[str], language: str) -> None:
    """Raises UnsupportedLanguage, with the languages there are, unless ``language`` is one of them."""
    known = sorted(languages)
    if language not in known:
        raise UnsupportedLanguage(f"no voice for {display_name(language)}; supported: {', '.join(known)}")


def speakable(text: str) -> str:
    """The text without what confuses engines; empty if no letter or digit is left."""
    cleaned = _DOTTED.sub(lambda dotted: dotted[0].replace(".", " "), _UNSPEAKABLE.sub(" ", text)).strip()
    return cleaned if any(c.isalnum() for c in cleaned) else ""
