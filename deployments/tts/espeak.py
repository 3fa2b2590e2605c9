"""espeak-ng (https://github.com/espeak-ng/espeak-ng): formant synthesis, plain to hear but fluent in 80 languages.

It also turns text into the phonemes that Kokoro reads. It runs as a subprocess, 5-15 ms a call: a crash stays outside.
"""

import struct
import subprocess

import numpy as np

from deployments.tts.engine import SILENT, Pcm, speakable
from izwi.languages import LANGUAGES

TIMEOUT_S = 10.0
"""Time limit of one call; a text of 4096 characters takes 0.2 s."""
WORDS_PER_MINUTE = 175
"""Its speaking rate at speed 1, the program's own default."""
SAMPLE_RATE = 22_050
_HEADER = 44  # bytes of WAV header; the length in it is a dummy because standard output cannot seek


class EspeakError(RuntimeError):
    """espeak-ng failed; the message is what it wrote to standard error."""


class Espeak:
    name = "espeak"
    quick = True
    speeds = (0.5, 1.5)
    """It speaks no slower than 80 words a minute, and at twice its pace Whisper base hears nothing."""

    def __init__(self) -> None:
        installed = {line.split()[1] for line in run("--voices").decode().splitlines()[1:]}
        self.languages = frozenset(code for code, language in LANGUAGES.items() if language.espeak in installed)
        self.voices = {f"espeak-{code}": frozenset({code}) for code in sorted(self.languages)}

    def synthesise(self, text: str, language: str, voice: str | None, speed: float) -> tuple[Pcm, int]:
        """See `TtsEngine.synthesise`. There is one voice per language.

        Raises:
            EspeakError: the program failed.
        """
        if not (spoken := speakable(text)):
            return SILENT, SAMPLE_RATE
        rate = str(round(WORDS_PER_MINUTE * speed))
        wav = run("--stdout", "-s", rate, "-v", LANGUAGES[language].espeak, text=spoken)
        if len(wav) < _HEADER:
            raise EspeakError("no audio came back")
        (sample_rate,) = struct.unpack_from("<I", wav, 24)
        return np.frombuffer(wav, "<i2", offset=_HEADER), sample_rate


def phonemes(text: str, language: str) -> list[str]:
    """IPA of each clause of the text, with a tie (^) between the letters of affricates and diphthongs."""
    spoken = run("-q", "--ipa", "--tie=^", "-v", LANGUAGES[language].espeak, text=text).decode()
    return [clause for line in spoken.splitlines() if (clause := line.strip())]


def run(*options: str, text: str = "") -> bytes:
    """What espeak-ng writes to standard output for a text."""
    try:
        done = subprocess.run(
            ["espeak-ng", "-b", "1", "--stdin", *options], input=text.encode(), capture_output=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise EspeakError(f"no answer within {TIMEOUT_S:g} s") from None
    complaint = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0 or (complaint and not done.stdout):  # it exits with 0 after some failures
        raise EspeakError(complaint or f"exit status {done.returncode}")
    return done.stdout
