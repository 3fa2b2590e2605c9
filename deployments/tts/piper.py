"""Piper (https://github.com/OHF-Voice/piper1-gpl), a VITS voice in ONNX: English, faster than it can be listened to."""

import json
import textwrap
from typing import ClassVar

import numpy as np
from piper import PiperVoice
from piper.config import PiperConfig, SynthesisConfig

from deployments.tts import onnx
from deployments.tts.engine import SILENT, Pcm, speakable
from izwi import models
from izwi.settings import Settings

MAX_CHARS = 120
"""Text given to the voice at once. Its espeak-ng runs inside this process, and over random texts of symbols and
abbreviations it crashed from about 200 characters on; pieces are shorter anyway."""


class Piper:
    name = "piper"
    languages = frozenset({"en"})
    voices: ClassVar = {"joe": languages}
    speeds = (0.9, 1.1)
    """Farther away its durations do not follow: asked for 2 it reaches 1.5, asked for a half 0.57."""
    quick = True  # 0.2 s for a clause of 90 characters

    def __init__(self, settings: Settings) -> None:
        model = models.ensure("piper-joe", settings.models_dir) / "en_US-joe-medium.onnx"
        config = PiperConfig.from_dict(json.loads(model.with_suffix(".onnx.json").read_text()))
        # `PiperVoice.load` would take every core.
        self._voice = PiperVoice(onnx.session(model, settings.tts.threads), config)
        self.synthesise("This is the first sentence.", "en", None, 1.0)  # warm-up

    def synthesise(self, text: str, language: str, voice: str | None, speed: float) -> tuple[Pcm, int]:
        """See `TtsEngine.synthesise`. There is one voice."""
        config = SynthesisConfig(length_scale=1 / speed)
        parts = textwrap.wrap(speakable(text), MAX_CHARS)
        spoken = [chunk.audio_int16_array for part in parts for chunk in self._voice.synthesize(part, config)]
        return np.concatenate([SILENT, *spoken]), self._voice.config.sample_rate
