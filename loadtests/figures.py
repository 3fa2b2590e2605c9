"""The figures of one run, from what the speakers said and saw. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jiwer

from izwi.audio import SAMPLE_RATE
from izwi.evaluation.text import whisper
from izwi.percentiles import percentiles
from loadtests.corpus import Placed
from loadtests.delays import Passage, Spoken, delays, normalised
from loadtests.reference import Reference
from loadtests.speaker import LATE_S, Heard


@dataclass(frozen=True)
class Cost:
    """What a run used; None where it is not known."""

    bench_cores: float
    client_lag_s: float
    """The latest that the load test's own event loop woke up."""
    cpu_cores: float | None = None
    """Of the server alone."""
    rss_mb: float | None = None
    asr_s: float = 0.0
    """Computing time of the recogniser; 0 if the server does not tell."""
    asr_passes: float = 0.0


def figures(
    scripts: Sequence[Sequence[Placed]],
    heard: Sequence[Heard],
    references: dict[str, Reference],
    language: str,
    cost: Cost,
) -> dict[str, Any]:
    """One row of the report; speakers that were refused count as refused and for nothing else."""
    served = [(placed, one) for placed, one in zip(scripts, heard, strict=True) if not one.refused]
    timed = [delays(passages(placed, one, references), one.settled, one.views) for placed, one in served]
    spoken_s = sum(map(_length_s, (placed for placed, _ in served)))
    late = sum(one.late_chunks for one in heard)
    row = {
        "speakers": len(scripts),
        "refused": len(scripts) - len(served),
        "first_partial_s": percentiles([delay for one in timed for delay in one.first], digits=2),
        "word_shown_s": percentiles([delay for one in timed for delay in one.shown], digits=2),
        "word_committed_s": percentiles([delay for one in timed for delay in one.committed], digits=2),
        "final_lag_s": percentiles([delay for one in timed for delay in one.final], digits=2),
        "translated_s": percentiles([delay for _, one in served for delay in one.translated], digits=2),
        "first_audio_s": percentiles([delay for _, one in served for delay in one.first_audio], digits=2),
        "words_timed": sum(len(one.committed) for one in timed),
        **word_errors(served, references, language),
        "erasure": _round(normalised([one.erasure for _, one in served]), 3),
        "asr_rtf": _round(cost.asr_s / spoken_s, 3) if spoken_s and cost.asr_s else None,
        "asr_passes_per_s": _round(cost.asr_passes / spoken_s, 2) if spoken_s and cost.asr_passes else None,
        "cpu_cores": _round(cost.cpu_cores, 2),
        "bench_cores": _round(cost.bench_cores, 2),
        "rss_mb": _round(cost.rss_mb),
        "load": load(heard),
        "merged_speech": sum(one.merged for one in heard),
        "skipped_speech": sum(one.skipped for one in heard),
        "held_chunks": sum(one.held_chunks for one in heard),
        "dropped_chunks": sum(one.dropped_chunks for one in heard),
        "late_chunks": late,
        "client_lag_s": _round(cost.client_lag_s, 3),
        "errors": dict(Counter(error.partition(":")[0] for one in heard for error in one.errors)),
        "error_messages": sorted({error for one in heard for error in one.errors})[:5],
    }
    return {**row, "void": bool(late) or cost.client_lag_s > LATE_S}


def passages(placed: Iterable[Placed], one: Heard, references: dict[str, Reference]) -> list[Passage]:
    """What a speaker said, on the clock by which it was heard; times are when the audio should have been sent."""
    found = []
    for item in placed:
        reference, begin = references[item.clip.name], item.start / SAMPLE_RATE
        found.append(
            Passage(
                [Spoken(word, one.sent_at(begin + end)) for word, end in reference.words],
                one.sent_at(begin + reference.onset_s),
                one.sent_at(begin + reference.end_s),
            )
        )
    return found


def word_errors(
    served: Sequence[tuple[Sequence[Placed], Heard]], references: dict[str, Reference], language: str
) -> dict[str, float | None]:
    """Word error rates, in percent, streamed and offline, over the same clips as often as they were spoken."""
    if not served:
        return {"wer": None, "offline_wer": None, "words_said": 0}
    normal = whisper(language)
    said = [normal(" ".join(item.clip.text for item in placed)) for placed, _ in served]
    streamed = [normal(one.text) for _, one in served]
    offline = [normal(" ".join(references[item.clip.name].text for item in placed)) for placed, _ in served]
    return {
        "wer": _round(100 * jiwer.wer(said, streamed), 2),
        "offline_wer": _round(100 * jiwer.wer(said, offline), 2),
        "words_said": sum(len(text.split()) for text in said),
    }


def load(heard: Sequence[Heard]) -> dict[str, Any]:
    """How often the server told of each level, over all speakers, and the longest time between updates it named."""
    told = [event for one in heard for event in one.load]
    return {
        "events": dict(Counter(event.level for event in told)),
        "max_update_ms": max((event.update_ms for event in told), default=None),
    }


def _length_s(placed: Sequence[Placed]) -> float:
    return (placed[-1].start + len(placed[-1].clip.samples)) / SAMPLE_RATE


def _round(value: float | None, digits: int = 0) -> float | None:
    return None if value is None else round(value, digits or None)
