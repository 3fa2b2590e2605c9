"""By which names clients may call models: their own, and those that clients of OpenAI's service send. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from izwi.errors import UnknownModel
from izwi.stages import Capabilities

Kind = Literal["asr", "mt", "tts"]
"""A stage, by what its models do."""

ALIASES: dict[str, Kind] = {
    "whisper-1": "asr",
    "gpt-4o-transcribe": "asr",
    "gpt-4o-mini-transcribe": "asr",
    "tts-1": "tts",
    "tts-1-hd": "tts",
    "gpt-4o-mini-tts": "tts",
}
"""Names that mean "the model you have", so that stock clients need no other setting than the address."""
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")  # gpt-4o-mini-tts-2025-12-15


@dataclass(frozen=True)
class Model:
    name: str
    kind: Kind
    loaded: bool
    """Whether it is the name of a model, or else an alias."""


def known(capabilities: Mapping[str, Capabilities]) -> list[Model]:
    """The loaded models of each stage in order of preference, and the aliases of stages that have one.

    Args:
        capabilities: by stage.
    """
    found: list[Model] = []
    for kind in get_args(Kind):
        found += [Model(name, kind, loaded=True) for name in names(capabilities, kind)]
    kinds = {model.kind for model in found}
    return found + [Model(name, kind, loaded=False) for name, kind in ALIASES.items() if kind in kinds]


def names(capabilities: Mapping[str, Capabilities], kind: Kind) -> tuple[str, ...]:
    """The loaded models of one stage; an engine that can run different ones tells which it runs."""
    stage = capabilities.get(kind, Capabilities())
    return stage.models or stage.engines


def resolve_model(name: str, kind: Kind, capabilities: Mapping[str, Capabilities]) -> str | None:
    """The loaded model that a client means; None for an alias, where the stage chooses.

    Raises:
        UnknownModel: no model of this kind is called so. Its field is ``model``.
    """
    loaded = names(capabilities, kind)
    if name in loaded:
        return name
    if loaded and ALIASES.get(_DATE.sub("", name)) == kind:
        return None
    told = ", ".join(model.name for model in known(capabilities) if model.kind == kind)
    raise UnknownModel(f"there is no {kind} model {name!r}; known: {told or 'none'}").about("model")
