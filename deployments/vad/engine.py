"""What a voice activity detector must do, and which detectors this machine can run."""

from typing import Protocol

from izwi import catalog
from izwi.errors import ModelMissing
from izwi.settings import Settings
from izwi.stages import Samples, VadState


class VadEngine(Protocol):
    """Stateless: the recurrent state comes in and goes out by value."""

    @property
    def name(self) -> str: ...

    def detect(self, samples: Samples, state: VadState) -> tuple[tuple[float, ...], VadState]:
        """Speech probability of every 512-sample frame in ``samples`` (shape (n * 512,)), and the state after them."""
        ...


def load(settings: Settings) -> list[VadEngine]:
    """The engines of ``settings.vad.engines`` that can run here, in that order.

    Raises:
        ModelMissing: none can.
    """

    def build(name: str) -> VadEngine:
        match name:
            case "silero":
                from deployments.vad.silero import Silero

                return Silero(settings)
            case _:
                raise ModelMissing(f"vad engine {name} is in the catalog but has no code")

    return catalog.load("vad", settings.vad.engines, build)
