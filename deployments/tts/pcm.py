"""From what an engine returns to a chunk that can be played right after the one before."""

import numpy as np
import soxr

from deployments.tts.engine import Pcm, TtsEngine
from izwi.stages import TtsRequest
from izwi.tempo import stretch

SPEECH_RATE = 24_000
"""Hz of all speech Izwi sends: Kokoro's own rate, and what OpenAI's endpoints return."""
QUIET = 0.01
"""Share of full scale below which the edges of a piece count as silence."""
EDGE_S = 0.03
"""Silence kept at both ends: enough not to clip a soft consonant."""
SENTENCE_PAUSE_S = 0.25
CLAUSE_PAUSE_S = 0.1
"""Engines end with 0 to 0.3 s of silence, whatever the text; the pause should follow the punctuation instead."""


def speak(engine: TtsEngine, piece: str, request: TtsRequest) -> Pcm:
    """One piece of a request, at `SPEECH_RATE`, to be played right after the piece before; empty if it is silent.

    What the engine cannot do of the speed is made of its speech.
    """
    slowest, fastest = engine.speeds
    speed = min(max(request.speed, slowest), fastest)
    pcm, sample_rate = engine.synthesise(piece, request.language, request.voice, speed)
    return finish(pcm, sample_rate, piece, request.speed, request.speed / speed)


def finish(pcm: Pcm, sample_rate: int, text: str, speed: float = 1.0, tempo: float = 1.0) -> Pcm:
    """Trim silence, change the tempo, resample to `SPEECH_RATE` and add the pause that the end of ``text`` asks for.

    Args:
        speed: of the speech, for its pause.
        tempo: by how much the speech is still to be made faster.
    """
    trimmed = stretch(trim(pcm, sample_rate), sample_rate, tempo)
    if not trimmed.size:
        return trimmed
    resampled = soxr.resample(trimmed, sample_rate, SPEECH_RATE) if sample_rate != SPEECH_RATE else trimmed
    return np.concatenate([resampled, np.zeros(int(pause_s(text) / speed * SPEECH_RATE), np.int16)])


def trim(pcm: Pcm, sample_rate: int) -> Pcm:
    """Without the silence at both ends, but for `EDGE_S`; empty if all is silence."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > QUIET * 32768)
    if not loud.size:
        return pcm[:0]
    edge = int(EDGE_S * sample_rate)
    return pcm[max(0, loud[0] - edge) : loud[-1] + 1 + edge]


def pause_s(text: str) -> float:
    """Seconds of silence after a piece of text."""
    match text.rstrip("\"'”’»)")[-1:]:
        case "." | "!" | "?" | "…" | "。" | "！" | "？" | "।" | "؟":
            return SENTENCE_PAUSE_S
        case "," | ";" | ":" | "—" | "、" | "，" | "；" | "：" | "،":
            return CLAUSE_PAUSE_S
        case _:
            return 0.0
