"""Which engines each stage knows, what each one needs on this machine, and how to get what is missing."""

import glob
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeVar

import structlog

from izwi import models
from izwi.errors import ModelMissing

STAGES = ("vad", "asr", "mt", "tts")
"""In the order of the flow."""
ON_DEMAND = ("speakers",)
"""Stages that have no replica until somebody asks, and that a server starts without."""

E = TypeVar("E")

log = structlog.get_logger()


@dataclass(frozen=True)
class Engine:
    """One engine and its needs. ``extra`` is the extra of the izwi package that installs its modules."""

    stage: str
    name: str
    languages: str
    extra: str | None = None
    modules: tuple[str, ...] = ()
    programs: tuple[tuple[str, str], ...] = ()
    """Executable and the Debian package it comes with."""
    data: tuple[tuple[str, str], ...] = ()
    """File pattern of which one match is enough, and a Debian package that provides it."""
    assets: tuple[str, ...] = ()
    """Keys of `izwi.assets.ASSETS`, needed always; weights that a setting chooses are checked with `also`."""


_ESPEAK = ("espeak-ng", "espeak-ng")

ENGINES: tuple[Engine, ...] = (
    Engine("vad", "silero", "any", "vad-silero", ("onnxruntime",), assets=("silero-v6",)),
    Engine(
        "asr",
        "faster-whisper",
        "base: 99 languages; tiny.en: English",
        "asr-faster-whisper",
        ("faster_whisper", "ctranslate2"),
    ),
    Engine(
        "mt",
        "apertium",
        "English and Spanish, both ways; other pairs are packages",
        programs=(("apertium", "apertium"),),
        data=(("/usr/share/apertium/modes/*.mode", "apertium-eng-spa"),),
    ),
    Engine("tts", "piper", "English", "tts-piper", ("piper",), assets=("piper-joe",)),
    Engine(
        "tts",
        "kokoro",
        "English, Spanish and others by espeak-ng phonemes",
        "tts-kokoro",
        ("onnxruntime",),
        programs=(_ESPEAK,),
        assets=("kokoro-int8",),
    ),
    Engine("tts", "espeak", "over 100 languages", programs=(_ESPEAK,)),
    Engine(
        "speakers",
        "campplus",
        "any; trained on Mandarin and English",
        "speakers-campplus",
        ("onnx", "onnxruntime", "kaldi_native_fbank"),
        assets=("campplus",),
    ),
)


def missing(engine: Engine, also: Sequence[str] = ()) -> list[str]:
    """What keeps an engine from running here, one sentence with its fix per need; empty means usable.

    Args:
        engine: a row of `ENGINES`.
        also: further assets that the settings ask for, see `weights`.
    """
    reasons: list[str] = []
    for module in engine.modules:
        if find_spec(module) is None:
            reasons.append(f"Python module {module} is not installed: pip install 'izwi[{engine.extra}]'")
    for program, package in engine.programs:
        if shutil.which(program) is None:
            reasons.append(f"program {program} is not installed: apt-get install {package}")
    for pattern, package in engine.data:
        if not glob.glob(pattern):
            reasons.append(f"{pattern} is not there: apt-get install {package}")
    for asset in (*engine.assets, *also):
        if not models.installed(asset):
            reasons.append(f"model {asset} is not installed: {models.ASSETS[asset].fix}")
    return reasons


def weights(model: str) -> tuple[str, ...]:
    """The packaged asset behind ``IZWI_ASR__MODEL``; empty for a path or the name of a hub model."""
    name = f"whisper-{model}"
    return (name,) if name in models.ASSETS else ()


def pick(stage: str, wanted: Sequence[str], also: Sequence[str] = ()) -> tuple[list[str], dict[str, list[str]]]:
    """Split the wanted engines of a stage into usable ones, in the order given, and reasons against the others."""
    known = {engine.name: engine for engine in ENGINES if engine.stage == stage}
    usable: list[str] = []
    reasons: dict[str, list[str]] = {}
    for name in wanted:
        if name not in known:
            reasons[name] = [f"there is no {stage} engine {name}; known: {', '.join(known)}"]
        elif found := missing(known[name], also):
            reasons[name] = found
        else:
            usable.append(name)
    return usable, reasons


def load(stage: str, wanted: Sequence[str], build: Callable[[str], E], also: Sequence[str] = ()) -> list[E]:
    """Build the wanted engines of a stage that can run here, in order; each other one is skipped with one log line.

    Raises:
        ModelMissing: none can run.
    """
    usable, reasons = pick(stage, wanted, also)
    engines: list[E] = []
    for name in usable:
        try:
            engines.append(build(name))
        except ModelMissing as error:
            reasons[name] = [str(error)]
    for name, why in reasons.items():
        log.warning("engine_skipped", stage=stage, engine=name, reasons=why)
    if not engines:
        told = "; ".join(f"{name}: {', '.join(why)}" for name, why in reasons.items())
        raise ModelMissing(f"no {stage} engine can run here ({told})")
    return engines
