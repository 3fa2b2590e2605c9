"""From what an engine returns to a chunk that can be played right after the one before."""

import numpy as np
import soxr

from deployments.tts.engine import Pcm

SPEECH_RATE = 24_000
"""Hz of all speech Izwi sends: Kokoro's own rate, and what OpenAI's endpoints return."""
QUIET = 0.01
"""Share of full scale below which the edges of a piece count as silence."""
EDGE_S = 0.03
"""Silence kept at both ends: enough not to clip a soft consonant."""
SENTENCE_PAUSE_S = 0.25
CLAUSE_PAUSE_S = 0.1
"""Engines end with 0 to 0.3 s of silence, whatever the text; the pause should follow the punctuation instead."""


def finish(pcm: Pcm, sample_rate: int, text: str) -> Pcm:
    """Trim silence, resample to `SPEECH_RATE` and add the pause that the end of ``text`` asks for."""
    trimmed = trim(pcm, sample_rate)
    if not trimmed.size:
        return trimmed
    resampled = soxr.resample(trimmed, sample_rate, SPEECH_RATE) if sample_rate != SPEECH_RATE else trimmed
    return np.concatenate([resampled, np.zeros(int(pause_s(text) * SPEECH_RATE), np.int16)])


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
