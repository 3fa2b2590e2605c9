"""What a voice activity detector must do, and which detectors this machine can run."""

from typing import Protocol

import structlog

from izwi import catalog
from izwi.errors import ModelMissing
from izwi.settings import Settings
from izwi.stages import Samples, VadState

log = structlog.get_logger()


class VadEngine(Protocol):
    """Stateless: the recurrent state comes in and goes out by value."""

    @property
    def name(self) -> str: ...

    def detect(self, samples: Samples, state: VadState) -> tuple[tuple[float, ...], VadState]:
        """Speech probability of every 512-sample frame in ``samples`` (shape (n * 512,)), and the state after them."""
        ...


def load(settings: Settings) -> list[VadEngine]:
    """The engines of ``settings.vad.engines`` that can run here, loaded, in that order.

    Raises:
        ModelMissing: none can.
    """
    usable, reasons = catalog.pick("vad", settings.vad.engines)
    for name, why in reasons.items():
        log.warning("engine_skipped", stage="vad", engine=name, reasons=why)
    if not usable:
        raise ModelMissing(f"no vad engine can run here: {reasons}")
    return [_load(name, settings) for name in usable]


def _load(name: str, settings: Settings) -> VadEngine:
    match name:
        case "silero":
            from deployments.vad.silero import Silero

            return Silero(settings)
        case _:
            raise ModelMissing(f"vad engine {name} is in the catalog but cannot be loaded")
