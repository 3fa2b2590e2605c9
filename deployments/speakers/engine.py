"""What a model of voices must do, and which of them this machine can run."""

from collections.abc import Sequence
from typing import Protocol

from izwi import catalog
from izwi.errors import ModelMissing
from izwi.settings import Settings
from izwi.stages import Embedding, Samples


class SpeakerEngine(Protocol):
    """Safe to call from several threads; remembers nothing between calls."""

    @property
    def name(self) -> str: ...

    def embed(self, windows: Sequence[Samples]) -> list[Embedding]:
        """One vector of length 1 per window: the more alike two voices are, the larger their dot product.

        Args:
            windows: mono float32 at 16 kHz, each shape (n,), of one speaker where possible.

        Raises:
            UnsupportedAudio: a window is too short, too long or no sound.
        """
        ...


def load(settings: Settings) -> list[SpeakerEngine]:
    """The engines of ``settings.speakers.engines`` that can run here, in that order.

    Raises:
        ModelMissing: none can.
    """

    def build(name: str) -> SpeakerEngine:
        match name:
            case "campplus":
                from deployments.speakers.campplus import CamPlusPlus

                return CamPlusPlus(settings)
            case _:
                raise ModelMissing(f"speakers engine {name} is in the catalog but has no code")

    return catalog.load("speakers", settings.speakers.engines, build)
