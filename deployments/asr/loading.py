"""Loads a Whisper model into CTranslate2, where and how this machine runs it best."""

import os
import re
from pathlib import Path

import ctranslate2
import structlog
from faster_whisper import WhisperModel

from izwi import catalog, models
from izwi.errors import ModelMissing
from izwi.settings import Settings

WIDE = frozenset({"avx512f", "avx512cd", "avx512dq", "avx512bw", "avx512vl"})
"""What CTranslate2's AVX-512 code asks of a processor."""

PRIMITIVES = "64"
"""Kernels that oneDNN keeps compiled. Every length of window needs some of its own, and the 1024 it keeps by default
fill up over an hour with ones that are not asked for again; it is not faster with them."""

log = structlog.get_logger()


def device(settings: Settings) -> str:
    """``cpu`` or ``cuda``."""
    if settings.device != "auto":
        return settings.device
    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def load(settings: Settings, device: str) -> WhisperModel:
    """Raise `ModelMissing` where the model cannot be had."""
    name = settings.asr.model
    for asset in catalog.weights(name):
        name = str(models.ensure(asset, settings.models_dir))
    compute_type = settings.asr.compute_type
    if compute_type not in ctranslate2.get_supported_compute_types(device):
        log.warning("compute_type_unsupported", device=device, compute_type=compute_type, instead="int8")
        compute_type = "int8"
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", PRIMITIVES)
    if wants_avx512(Path("/proc/cpuinfo")):
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")
    try:
        return WhisperModel(
            name,
            device=device,
            compute_type=compute_type,
            cpu_threads=settings.asr.threads,
            num_workers=settings.asr.workers,
        )
    except (ValueError, OSError, RuntimeError) as error:
        raise ModelMissing(f"Whisper model {settings.asr.model} cannot be loaded: {error}") from error


def wants_avx512(cpuinfo: Path) -> bool:
    """CTranslate2 uses AVX-512 by itself on Intel's processors only; AMD's encode a sixth faster with it."""
    try:
        text = cpuinfo.read_text()
    except OSError:
        return False
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return "AuthenticAMD" in text and flags is not None and set(flags[1].split()) >= WIDE
