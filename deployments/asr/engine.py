"""What a recogniser must do, and which recognisers this machine can run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from izwi import catalog
from izwi.errors import ModelMissing
from izwi.settings import Settings
from izwi.stages import AsrRequest, Word


@dataclass(frozen=True)
class Transcript:
    """What an engine heard; the fields are those of `izwi.stages.AsrResult`."""

    words: tuple[Word, ...]
    language: str
    language_probability: float
    retries: int = 0


class AsrEngine(Protocol):
    """Stateless: every call brings its whole window of audio."""

    @property
    def name(self) -> str: ...

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes."""
        ...

    def transcribe(self, requests: Sequence[AsrRequest]) -> list[Transcript]:
        """Recognise windows of one language and one degree of care, in order.

        Raises:
            UnsupportedLanguage: the model does not know their language.
            AudioTooLong: a window exceeds what the model takes in one go.
        """
        ...


def load(settings: Settings) -> list[AsrEngine]:
    """The engines of ``settings.asr.engines`` that can run here, in that order, warmed up.

    Raises:
        ModelMissing: none can.
    """

    def build(name: str) -> AsrEngine:
        match name:
            case "faster-whisper":
                from deployments.asr.faster_whisper import FasterWhisper

                return FasterWhisper(settings)
            case _:
                raise ModelMissing(f"asr engine {name} is in the catalog but has no code")

    return catalog.load("asr", settings.asr.engines, build, catalog.weights(settings.asr.model))
