"""What a translator must do, and which translators this machine can run."""

from collections.abc import Iterable
from typing import Protocol

from izwi import catalog
from izwi.errors import ModelMissing, UnsupportedPair
from izwi.languages import display_name
from izwi.settings import Settings
from izwi.stages import MtRequest


class MtEngine(Protocol):
    """Safe to call from several threads; remembers nothing between calls."""

    @property
    def name(self) -> str: ...

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Directions it translates: (source, target), ISO 639-1."""
        ...

    def translate(self, request: MtRequest) -> str:
        """The request's text in its target language. Text without letters comes back as it is."""
        ...


def load(settings: Settings) -> list[MtEngine]:
    """The engines of ``settings.mt.engines`` that can run here, in that order.

    Raises:
        ModelMissing: none can.
    """

    def build(name: str) -> MtEngine:
        match name:
            case "apertium":
                from deployments.mt.apertium import Apertium

                return Apertium()
            case _:
                raise ModelMissing(f"mt engine {name} is in the catalog but has no code")

    return catalog.load("mt", settings.mt.engines, build)


def check_pair(pairs: Iterable[tuple[str, str]], source: str, target: str) -> None:
    """Raises UnsupportedPair, with the directions there are, unless (source, target) is one of them."""
    known = sorted(pairs)
    if (source, target) not in known:
        listed = ", ".join(f"{a}-{b}" for a, b in known)
        raise UnsupportedPair(
            f"no translation from {display_name(source)} to {display_name(target)}; supported: {listed}"
        )
