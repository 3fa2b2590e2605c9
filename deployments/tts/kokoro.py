"""Kokoro-82M v1.0 (https://huggingface.co/hexgrad/Kokoro-82M), int8 ONNX, reading phonemes from espeak-ng.

The packaged voices are Japanese speakers; the model was trained on the languages below, and with their phonemes the
voices speak them intelligibly. Japanese and Chinese need phonemes that espeak-ng does not provide.
"""

import json
import re

import numpy as np
import numpy.typing as npt

from deployments.tts import espeak, onnx
from deployments.tts.engine import SILENT, Pcm, speakable
from izwi import models
from izwi.settings import Settings

SAMPLE_RATE = 24_000
MAX_TOKENS = 500
"""The model's context is 512 with its two paddings; its voices have 510 styles, one for each length."""
DEFAULT_VOICE = "jm_kumo"
"""The clearest of the five: of 7 sentences each in French, Italian, Portuguese, Spanish and English, Whisper base
heard 79, 86, 95, 98 and 97 % of the words (jf_alpha: 28 % of three in French; espeak-ng: 46, 48, 57, 77 and 86 %)."""
OTHERS_SPEAK = frozenset({"en", "es"})
"""What the other voices are offered for: Whisper base hears 88 to 100 % of their words in these, and of some as few as
28 % in French."""

# How Kokoro was trained to read espeak-ng's tied phonemes
# (https://github.com/hexgrad/misaki/blob/main/misaki/espeak.py).
_TIED = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y",
}  # fmt: skip
_LANGUAGE_SWITCH = re.compile(r"\([^)]*\)")  # "(en)" before a foreign word


class Kokoro:
    name = "kokoro"
    languages = frozenset({"en", "es", "fr", "hi", "it", "pt"})
    quick = False
    speeds = (0.5, 1.5)
    """Beyond, Whisper base no longer hears all words, and from 2.5 on not half of them."""

    def __init__(self, settings: Settings) -> None:
        folder = models.ensure("kokoro-int8", settings.models_dir)
        self._tokens: dict[str, int] = json.loads((folder / "vocab.json").read_text())["vocab"]
        with np.load(folder / "voices_ja.npz") as voices:
            self._styles = {name: voices[name] for name in voices.files}  # float32, shape (510, 1, 256)
        others = {name: OTHERS_SPEAK for name in self._styles if name != DEFAULT_VOICE}
        self.voices = {DEFAULT_VOICE: self.languages, **others}
        self._session = onnx.session(folder / "kokoro-v1.0.int8.onnx", settings.tts.threads)
        self.synthesise("Esta es la primera frase.", "es", None, 1.0)  # warm-up

    def synthesise(self, text: str, language: str, voice: str | None, speed: float) -> tuple[Pcm, int]:
        """See `TtsEngine.synthesise`.

        Raises:
            EspeakError: espeak-ng failed.
        """
        styles = self._styles.get(voice or DEFAULT_VOICE, self._styles[DEFAULT_VOICE])
        spoken = [self._infer(part, styles, speed) for part in split(self._tokenise(speakable(text), language))]
        return np.concatenate([SILENT, *spoken]), SAMPLE_RATE

    def _tokenise(self, text: str, language: str) -> str:
        """Phonemes of the text, only those in the model's vocabulary; its last mark shapes the melody."""
        if not text:
            return ""
        read = _LANGUAGE_SWITCH.sub("", ", ".join(espeak.phonemes(text, language)))
        for tied, letter in _TIED.items():
            read = read.replace(tied, letter)
        mark = text[-1] if text[-1] in ".!?…" else ""
        return "".join(c for c in read + mark if c in self._tokens)

    def _infer(self, phonemes: str, styles: npt.NDArray[np.float32], speed: float) -> Pcm:
        tokens = [self._tokens[c] for c in phonemes]
        (audio,) = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": styles[len(tokens) - 1],
                "speed": np.array([speed], np.float32),
            },
        )
        return (np.clip(np.ravel(audio), -1, 1) * 32767).astype(np.int16)


def split(phonemes: str) -> list[str]:
    """Parts of at most `MAX_TOKENS` phonemes, cut at a space where there is one."""
    parts: list[str] = []
    while len(phonemes) > MAX_TOKENS:
        cut = phonemes.rfind(" ", 1, MAX_TOKENS) + 1 or MAX_TOKENS
        parts.append(phonemes[:cut])
        phonemes = phonemes[cut:]
    return [*parts, phonemes] if phonemes else parts
