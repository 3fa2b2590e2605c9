import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from izwi import messages as m
from izwi.cli import outputs
from izwi.cli.live import LiveDisplay, PlainDisplay
from izwi.cli.record import Record
from izwi.client_events import Event, Speech
from izwi.pacing import SendClock

STARTED = m.SessionStartedMessage(
    data=m.SessionStarted(
        session_id="s",
        protocol="1.0",
        window_samples=1,
        engines={"vad": ["silero"], "asr": ["fw"], "mt": ["apertium"], "tts": ["piper", "espeak"]},
        resume_token="t",
        resumable=True,
    )
)
PARTIAL = m.TranscriptPartialMessage(
    data=m.TranscriptPartial(utterance=0, committed="Good", tentative="evening", language="en")
)
FINAL = m.TranscriptFinalMessage(
    data=m.TranscriptFinal(utterance=0, text="Good morning.", start_s=0.5, end_s=1.5, language="en", engine="fw")
)
CLAUSE = m.TranslationCommittedMessage(
    data=m.TranslationCommitted(
        clause=0,
        utterance=0,
        source="Good morning.",
        text="Buenos días.",
        source_language="en",
        target_language="es",
        start_s=0.5,
        end_s=1.5,
        engine="apertium",
    )
)
SWITCH = m.EngineSwitchedMessage(data=m.EngineSwitched(stage="tts", before="piper", after="espeak"))
ENDED = m.SessionEndedMessage(data=m.SessionEnded(reason="audio_end", audio_s=2.0, utterances=1, clauses=1))


MERGED = m.SpeechMergedMessage(data=m.SpeechMerged(clause=1, into=0))


def speech(samples: int, rate: int = 1000, value: int = 7, backlog_s: float = 0.0) -> Speech:
    return Speech(0, "espeak", rate, np.full(samples, value, np.int16), False, backlog_s=backlog_s)


def record_of(*events: tuple[float, Event]) -> Record:
    clock = SendClock()
    clock.sent(32_000, 100.0)
    record = Record(clock, started_at=100.0)
    for at, event in events:
        record.add(event, at)
    return record


WHOLE = ((100.0, STARTED), (101.6, FINAL), (101.7, CLAUSE), (101.8, SWITCH), (102.0, speech(500)), (103.0, ENDED))


def test_a_whole_session() -> None:
    record = record_of(*WHOLE)
    assert (record.transcript, record.translation) == ("Good morning.", "Buenos días.")
    assert record.engines == {"vad": ["silero"], "asr": ["fw"], "mt": ["apertium"], "tts": ["espeak"]}
    assert record.notices == ["tts: espeak took over from piper"]
    assert record.wall_s == pytest.approx(3.0)
    assert record.silent_stages(translate=True, speak=True) == []


def test_stages_that_gave_nothing_are_named_as_far_as_they_were_asked() -> None:
    record = record_of((100.0, STARTED), (101.0, ENDED))
    assert record.silent_stages(translate=False, speak=True) == ["speech recognition"]
    assert record.silent_stages(translate=True, speak=False) == ["speech recognition", "translation"]
    assert record_of(*WHOLE[:3]).silent_stages(translate=True, speak=True) == ["speech synthesis"]


def test_speech_lies_where_it_was_heard_and_never_overlaps() -> None:
    record = record_of((100.1, speech(500)), (100.2, speech(300)), (102.0, speech(100)))
    pcm, rate = record.spoken()
    assert rate == 1000
    assert len(pcm) == 2100
    sounding = np.flatnonzero(pcm)
    assert sounding[0] in (99, 100)  # 100.1 - 100.0 is not exact in floating point
    assert len(sounding) == 900
    assert not pcm[901:1999].any()


def test_an_engine_with_another_rate_keeps_its_pitch_and_length() -> None:
    pcm, rate = record_of((100.0, speech(100)), (100.0, speech(200, rate=2000))).spoken()
    assert (len(pcm), rate) == (200, 1000)
    assert (pcm == 7).all()


def test_the_files(tmp_path: Path) -> None:
    files = outputs.write(record_of(*WHOLE), tmp_path / "a b" / "out")
    assert [file.name for file in files] == ["translated.wav", "transcript.srt", "translation.srt", "summary.json"]
    assert "Buenos días." in files[2].read_text(encoding="utf-8")
    summary = json.loads(files[3].read_text(encoding="utf-8"))
    assert set(summary) == {
        "transcript",
        "translation",
        "wav",
        "wav_seconds",
        "engines",
        "latency_s",
        "real_time_factor",
        "wall_s",
    }
    assert summary["latency_s"]["first_audio_after_clause"] == {"p50": 2.0, "p95": 2.0}
    assert summary["wav_seconds"] == pytest.approx(2.5)
    assert summary["real_time_factor"] == 1.5


def test_an_empty_session_can_be_written_too(tmp_path: Path) -> None:
    summary = outputs.summary(record_of((100.0, STARTED)), outputs.write(record_of(), tmp_path)[0])
    assert (summary["transcript"], summary["wav_seconds"], summary["real_time_factor"]) == ("", 0.0, None)


def test_plain_lines_hold_no_tentative_text(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay(Console())
    for event in (PARTIAL, FINAL, CLAUSE, SWITCH, speech(5), ENDED):
        display.add(event)
    assert capsys.readouterr().out.splitlines() == [
        "   0.50 en  Good morning.",
        "   0.50 es  Buenos días.",
        "      !     tts: espeak took over from piper",
    ]


def test_who_spoke_stands_before_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    speaker = m.TranscriptSpeakerMessage(data=m.TranscriptSpeaker(utterance=0, speaker="SPEAKER_01"))
    unknown = m.TranscriptSpeakerMessage(data=m.TranscriptSpeaker(utterance=0, speaker=None))
    plain, live = PlainDisplay(Console()), LiveDisplay(console := Console(width=80), 2.0)
    for event in (FINAL, speaker):
        plain.add(event)
        live.add(event)
    assert capsys.readouterr().out.splitlines()[-1] == "   0.50 @   SPEAKER_01"
    with console.capture() as capture:
        console.print(live.render())
    assert "SPEAKER_01 Good morning." in capture.get()
    record = record_of((101.6, FINAL), (101.7, speaker))
    assert [cue.text for cue in record.source_cues()] == ["SPEAKER_01: Good morning."]
    assert record.transcript == "Good morning."
    assert outputs.summary(record, None)["utterances"][0]["speaker"] == "SPEAKER_01"
    assert record_of((101.6, FINAL), (101.7, unknown)).source_cues()[0].text == "Good morning."


def test_the_live_view_tells_committed_and_tentative_text_apart() -> None:
    console = Console(force_terminal=True, width=80, color_system="truecolor")
    display = LiveDisplay(console, 2.0)
    display.add(PARTIAL)
    with console.capture() as capture:
        console.print(display.render())
    assert "Good\x1b[2;3m evening" in capture.get()
    for event in (FINAL, CLAUSE, SWITCH, MERGED, speech(1500, backlog_s=7.2)):
        display.add(event)
    with console.capture() as capture:
        console.print(display.render())
    text = capture.get()
    assert "evening" not in text
    for part in ("Good morning.", "Buenos días.", "spoken 1.5 s", "took over", "together with", "7 s behind"):
        assert part in text
