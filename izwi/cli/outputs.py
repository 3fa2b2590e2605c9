"""The files a translation leaves behind, and its summary."""

import json
from pathlib import Path
from typing import Any

from izwi.audio import write_wav
from izwi.cli.record import Record
from izwi.subtitles import to_srt


def write(record: Record, folder: Path) -> list[Path]:
    """Write speech, subtitles and summary into ``folder``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    wav, transcript, translation, summary_file = (
        folder / name for name in ("translated.wav", "transcript.srt", "translation.srt", "summary.json")
    )
    pcm, rate = record.spoken()
    write_wav(wav, pcm, rate)
    transcript.write_text(to_srt(record.source_cues()), encoding="utf-8")
    translation.write_text(to_srt(record.target_cues()), encoding="utf-8")
    summary_file.write_text(to_json(summary(record, wav)) + "\n", encoding="utf-8")
    return [wav, transcript, translation, summary_file]


def summary(record: Record, wav: Path | None) -> dict[str, Any]:
    """Text, engines and figures of a session.

    ``real_time_factor`` is ``wall_s`` (first audio sent to last event) over the seconds of audio: at real-time pace
    slightly above 1 for a server that keeps up.
    """
    pcm, rate = record.spoken()
    return {
        **({"utterances": utterances(record)} if record.speakers else {}),
        "transcript": record.transcript,
        "translation": record.translation,
        "wav": str(wav) if wav else None,
        "wav_seconds": round(len(pcm) / rate, 3),
        "engines": record.engines,
        "latency_s": record.meter.summary(),
        "real_time_factor": round(record.wall_s / record.audio_s, 3) if record.audio_s else None,
        "wall_s": round(record.wall_s, 3),
    }


def utterances(record: Record) -> list[dict[str, Any]]:
    """The final transcripts, with their speakers where any is known."""
    rows = [final.model_dump() for final in record.finals]
    return [row | {"speaker": record.speakers.get(row["utterance"])} for row in rows] if record.speakers else rows


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
