import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from websockets.asyncio.server import ServerConnection, serve

from izwi import messages as m
from izwi.audio import write_wav
from izwi.cli import app, demo
from izwi.errors import NotReady
from izwi.server_process import running_server

COMMANDS = [
    "translate", "transcribe", "listen", "demo", "serve", "job", "plan", "simulate", "eval", "doctor", "settings",
]  # fmt: skip
runner = CliRunner()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    write_wav(path, np.zeros(16_000, np.int16), 16_000)
    return path


@pytest.mark.parametrize(
    "command",
    [[name] for name in COMMANDS]
    + [["jobs", "list"], ["models", "list"], ["models", "verify"], ["models", "fetch"], ["bench", "http"]]
    + [["bench", "ws"], []],
)
def test_every_command_has_help_with_an_example(command: list[str]) -> None:
    result = runner.invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    _, found, examples = result.output.partition("Example" if command else "Start here")
    assert found
    assert " ".join(["izwi", *command]) in examples


@pytest.mark.parametrize(
    "arguments",
    [
        ["translate"],
        ["sing"],
        ["transcribe", "x.wav", "--format", "pdf"],
        ["models", "verify", "no-such-model"],
        ["models", "fetch", "silero-v6"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize("command", [["translate"], ["transcribe"], ["demo"], ["bench", "http"], ["bench", "ws"]])
def test_bad_audio_is_one_clear_line_before_any_server_starts(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Sir")
    result = runner.invoke(app, [*command, str(file)])
    assert result.exit_code == 2
    assert result.stderr.strip().startswith("error unsupported_audio: letter.txt is not audio")
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_file_over_the_limit_is_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_MAX_AUDIO_SECONDS", "0.5")
    result = runner.invoke(app, ["transcribe", str(clip)])
    assert result.exit_code == 2
    assert "audio_too_long" in result.stderr


def test_nobody_listening_exits_with_1(clip: Path) -> None:
    result = runner.invoke(app, ["transcribe", str(clip), "--url", "ws://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "error unavailable: cannot connect" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["job", "FILE", "--url", "http://127.0.0.1:9"], 1, "unavailable: cannot reach http://127.0.0.1:9"),
        (["jobs", "list", "--url", "http://127.0.0.1:9"], 1, "unavailable: cannot reach http://127.0.0.1:9"),
        (["job", "FILE", "--out", "no/such/folder/talk.srt"], 2, "there is no folder no/such/folder"),
        (["job", "FILE", "--out", "talk.pdf"], 2, "talk.pdf must end with .txt, .srt, .vtt, .json"),
        (["job", "no such file.wav"], 2, "no such file.wav cannot be read: No such file"),
    ],
)
def test_jobs_that_cannot_be_are_one_clear_line(clip: Path, arguments: list[str], code: int, told: str) -> None:
    result = runner.invoke(app, [str(clip) if argument == "FILE" else argument for argument in arguments])
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_bad_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_PORT", "seventy")
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 2
    assert "settings" in result.stderr
    assert "port" in result.stderr


def test_the_missing_recording_of_the_demo_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "READING", tmp_path)
    result = runner.invoke(app, ["demo"])
    assert result.exit_code == 2
    assert "apt-get install pocketsphinx-testdata" in result.stderr


def test_a_missing_microphone_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = runner.invoke(app, ["listen"])
    assert result.exit_code == 1
    assert "izwi[microphone]" in result.stderr


def test_doctor_fails_where_a_stage_has_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_MT__ENGINES", '["no-such-engine"]')
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "no-such-engine" in result.output


def test_doctor_looks_for_what_traces_need(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "traces" not in runner.invoke(app, ["doctor"]).output
    monkeypatch.setenv("IZWI_TRACING__ENDPOINT", "http://user:secret@127.0.0.1:9")
    away = runner.invoke(app, ["doctor"])
    assert "127.0.0.1:9" in away.output
    assert "secret" not in away.output
    monkeypatch.setattr("izwi.tracing_settings.EXPORTER", "no.such.package")
    missing = runner.invoke(app, ["doctor"])
    assert missing.exit_code == 1
    assert "izwi[tracing]" in "".join(missing.output.split())


def test_doctor_looks_for_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_REDIS_URL", "redis://user:secret@127.0.0.1:9/0")
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "secret" not in result.output


def test_doctor_passes_without_a_stage_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    before = runner.invoke(app, ["doctor"]).exit_code
    monkeypatch.setenv("IZWI_SPEAKERS__ENGINES", '["nope"]')
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == before
    assert "there is no speakers engine nope" in " ".join(result.output.split())


def test_models_are_listed() -> None:
    result = runner.invoke(app, ["models", "list"])
    assert result.exit_code == 0
    assert "whisper-base" in result.output


def test_serve_becomes_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: called.append(arguments))
    assert runner.invoke(app, ["serve", "--port", "9000", "--profile", "edge"]).exit_code == 0
    assert called == [[sys.executable, "-m", "graphs.launch", "--port", "9000", "--profile", "edge"]]


def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(NotReady, match=r"(?s)code 2.*server\.log.*--no-such-option"),
        running_server(tmp_path / "server.log", arguments=["--no-such-option"]),
    ):
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """A server in a thread that hears one sentence in any audio, and translates it when asked."""

    async def script(socket: ServerConnection) -> None:
        async def send(message: m.ServerMessage) -> None:
            await socket.send(message.model_dump_json())

        start = m.parse_client(await socket.recv())
        assert isinstance(start, m.SessionStartMessage)
        data = m.SessionStarted(
            session_id="s",
            protocol="1.0",
            window_samples=99_999,
            engines={"vad": ["silero"]},
            resume_token="t",
            resumable=False,
        )
        await send(m.SessionStartedMessage(data=data))
        while isinstance(await socket.recv(), bytes):
            pass
        common = {"utterance": 0, "start_s": 0.0, "end_s": 1.0}
        if start.data.source_language != "xx":
            final = m.TranscriptFinal(text="Good morning.", language="en", engine="fw", **common)
            await send(m.TranscriptFinalMessage(data=final))
            if start.data.with_speaker:
                await send(m.TranscriptSpeakerMessage(data=m.TranscriptSpeaker(utterance=0, speaker="SPEAKER_00")))
        if start.data.target_language:
            clause = m.TranslationCommitted(
                clause=0,
                source="",
                text="Buenos días.",
                source_language="en",
                target_language="es",
                engine="a",
                **common,
            )
            await send(m.TranslationCommittedMessage(data=clause))
            spoken = m.SpeechAudio(clause=0, engine="espeak", sample_rate=16000, samples=800, last=False)
            await send(m.SpeechAudioMessage(data=spoken))
            await socket.send(bytes(1600))
        await send(m.SessionEndedMessage(data=m.SessionEnded(reason="x", audio_s=1.0, utterances=1, clauses=1)))

    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        async with serve(script, "127.0.0.1", 0) as server:
            loops.append(asyncio.get_running_loop())
            ready.append(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(10)
    yield ready[0]
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(10)


def test_transcribe_writes_text_to_stdout(clip: Path, url: str) -> None:
    result = runner.invoke(app, ["transcribe", str(clip), "--url", url])
    assert (result.exit_code, result.stdout) == (0, "Good morning.\n")
    result = runner.invoke(app, ["transcribe", str(clip), "--url", url, "--format", "srt"])
    assert result.stdout == "1\n00:00:00,000 --> 00:00:01,000\nGood morning.\n"
    result = runner.invoke(app, ["transcribe", str(clip), "--url", url, "--format", "json"])
    assert '"text": "Good morning."' in result.stdout
    assert "speaker" not in result.stdout
    result = runner.invoke(app, ["transcribe", str(clip), "--url", url, "--speakers"])
    assert result.stdout == "SPEAKER_00: Good morning.\n"


def test_transcribing_nothing_exits_with_1(clip: Path, url: str) -> None:
    result = runner.invoke(app, ["transcribe", str(clip), "--from", "xx", "--url", url])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing came from: speech recognition" in result.stderr


def test_translate_reports_and_writes_its_files(clip: Path, url: str, tmp_path: Path) -> None:
    result = runner.invoke(app, ["translate", str(clip), "--url", url, "--fast", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    for part in ("Good morning.", "Buenos días.", "first audio after clause", "summary.json"):
        assert part in result.stdout
    assert (tmp_path / "out" / "translated.wav").stat().st_size > 1600


def test_translate_json_is_json_only(clip: Path, url: str) -> None:
    result = runner.invoke(app, ["translate", str(clip), "--url", url, "--fast", "--json"])
    assert result.stdout.startswith("{")
    assert result.stdout.endswith("}\n")


def test_live_sessions_are_timed(clip: Path, url: str) -> None:
    common = ["bench", "ws", str(clip), "--url", url, "--seconds", "1", "--sessions", "2"]
    done = runner.invoke(app, [*common, "--language", "en", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["sessions"], found["utterances"], found["words"], found["errors"]) == (2, 2, 4, {})
    assert 0 < found["session_start_s"]["p50"] < 5
    assert 0 < found["final_lag_s"]["p50"] < 5
    silent = runner.invoke(app, [*common, "--language", "xx"])
    assert silent.exit_code == 1
    assert "2 sessions, 0 utterances, 0 words" in silent.stdout
    assert silent.stderr.splitlines()[-1] == "2 times nothing was heard"  # a busy machine also says that it is
