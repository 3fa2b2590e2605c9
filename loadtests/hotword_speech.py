"""Speech for measuring hotwords: rare names in carrier sentences, spoken by synthesisers, kept between runs.

No recording of a hundred rare names ships in a package. ``say`` in the data respells a name that espeak-ng, which reads
for all voices here, would mispronounce; it is never shown to the recogniser or the correction.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from deployments.tts.engine import Pcm
from izwi.audio import SAMPLE_RATE
from izwi.settings import Settings
from izwi.stages import Samples

DATA = Path(__file__).with_name("hotword_names.json")
VOICES = ("piper", "kokoro", "espeak")
KOKORO_VOICES = ("jm_kumo", "jf_tebukuro")
"""They take turns."""
CARRIERS = {
    "person": (
        "Yesterday {} called me about the meeting.",
        "I spoke with {} after lunch.",
        "Please send the report to {} before Friday.",
        "In the morning {} will open the session.",
    ),
    "place": (
        "The train to {} leaves at nine o'clock.",
        "My sister moved to {} three years ago.",
        "Last summer we stayed in {} for a week.",
    ),
    "drug": (
        "The doctor told me to take {} twice a day.",
        "She stopped taking {} in the spring.",
        "How long have you been on {} now?",
    ),
    "product": (
        "Our team has been using {} since last year.",
        "I read a long article about {} this morning.",
        "We decided to buy {} for the whole office.",
    ),
}

Half = Literal["tune", "report"]


@dataclass(frozen=True)
class Case:
    """One sentence by one voice."""

    name: str
    """The hotword in it, as it is written."""
    text: str
    """What is spoken, as a reader would write it."""
    voice: str
    samples: Samples


def names(half: Half) -> list[dict[str, str]]:
    """Every other row of the data, so that both halves have all kinds and origins."""
    rows: list[dict[str, str]] = json.loads(DATA.read_text("utf-8"))
    return rows[0 if half == "tune" else 1 :: 2]


def cases(half: Half, out: Path) -> Iterator[Case]:
    """Each name by each voice, in a sentence of its kind; what was synthesised is kept in ``out``."""
    speakers: dict[str, Callable[[str, str], tuple[Pcm, int]]] = {}
    for number, row in enumerate(names(half)):
        carriers = CARRIERS[row["kind"]]
        for index, voice in enumerate(VOICES):
            carrier = carriers[(number + index) % len(carriers)]
            speaker = KOKORO_VOICES[number % len(KOKORO_VOICES)] if voice == "kokoro" else ""
            said = carrier.format(row.get("say", row["name"]))
            file = out / f"{_digest(voice, speaker, said)}.npy"
            if not file.is_file():
                if voice not in speakers:
                    speakers[voice] = _synthesiser(voice)
                pcm, rate = speakers[voice](said, speaker)
                file.parent.mkdir(parents=True, exist_ok=True)
                np.save(file, _at_16k(pcm, rate))
            yield Case(row["name"], carrier.format(row["name"]), voice, np.load(file))


def _synthesiser(voice: str) -> Callable[[str, str], tuple[Pcm, int]]:
    match voice:
        case "piper":
            from deployments.tts.piper import Piper

            engine = Piper(Settings())
        case "kokoro":
            from deployments.tts.kokoro import Kokoro

            engine = Kokoro(Settings())
        case _:
            from deployments.tts.espeak import Espeak

            engine = Espeak()
    return lambda text, speaker: engine.synthesise(text, "en", speaker or None, 1.0)


def _at_16k(pcm: Pcm, rate: int) -> Samples:
    """With some silence at both ends, as a segment of an utterance has."""
    samples = soxr.resample(pcm.astype(np.float32) / 32768, rate, SAMPLE_RATE).astype(np.float32)
    return np.pad(samples, SAMPLE_RATE // 5)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
