"""`izwi eval` and `izwi bench` against a small server in a thread that hears the name of each file."""

import asyncio
import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from izwi.audio import write_wav
from izwi.cli import app
from izwi.cli.target import http_address
from izwi.transcription_client import TranscriptionClient

runner = CliRunner()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._send(401 if self.headers["Authorization"] == "Bearer wrong" else 200, {"data": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = re.search(rb'filename="([\w ]+)\.wav"', body)
        assert found is not None
        text = found[1].decode()
        self._send(415 if text == "noise" else 200, {"text": text, "duration": 2.0})

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, status: int, body: dict[str, object]) -> None:
        if status != 200:
            code = "unauthorized" if status == 401 else "unsupported_audio"
            body = {"error": {"code": code, "message": "no", "request_id": "r"}}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def clips(folder: Path, texts: dict[str, str]) -> str:
    """A manifest of files whose names are what is heard."""
    for heard in texts:
        write_wav(folder / f"{heard}.wav", np.zeros(1600, np.int16), 16_000)
    rows = [{"file": f"{heard}.wav", "text": said} for heard, said in texts.items()]
    (folder / "manifest.json").write_text(json.dumps(rows))
    return str(folder / "manifest.json")


def test_rates_and_the_words_that_differ(url: str, tmp_path: Path) -> None:
    listing = clips(tmp_path, {"the big house": "The big house.", "a small dog barks": "A small frog barks!"})
    result = runner.invoke(app, ["eval", listing, "--url", url, "--at-once", "1"])
    assert result.exit_code == 0, result.output
    assert "WER 14.29 %, CER 6.45 % of 7 words: 1 substituted, 0 deleted, 0 inserted" in result.stdout
    assert "2 of 2 recordings, 4.0 s" in result.stdout
    assert "a small [frog → dog] barks" in result.stdout
    assert "the big house.wav" not in result.stdout


def test_a_limit_decides_the_exit_code(url: str, tmp_path: Path) -> None:
    listing = clips(tmp_path, {"one two": "one three"})
    assert runner.invoke(app, ["eval", listing, "--url", url, "--max-wer", "50"]).exit_code == 0
    above = runner.invoke(app, ["eval", listing, "--url", url, "--max-wer", "49.9", "--worst", "0"])
    assert above.exit_code == 1
    assert above.stderr == "WER 50.00 % is above 49.9 %\n"
    assert "[three" not in above.stdout


def test_json_is_json_only_and_a_file_that_fails_is_listed(url: str, tmp_path: Path) -> None:
    listing = clips(tmp_path, {"noise": "one", "one two": "one two"})
    result = runner.invoke(app, ["eval", listing, "--url", url, "--json"])
    assert result.exit_code == 1
    assert result.stderr == "noise.wav: unsupported_audio: no (request r)\n"
    body = json.loads(result.stdout)
    assert (body["wer"], [one["file"] for one in body["files"]]) == (0.0, ["one two.wav"])
    assert body["failed"][0]["code"] == "unsupported_audio"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["eval", "MANIFEST", "--url", "http://127.0.0.1:9"], 1, "unavailable: cannot reach http://127.0.0.1:9"),
        (["eval", "MANIFEST", "--url", "URL", "--api-key", "wrong"], 2, "unauthorized: no"),
        (["eval", "none.json"], 2, "bad_manifest: none.json cannot be read"),
        (["bench", "http", "one.wav", "--url", "http://127.0.0.1:9"], 1, "unavailable: cannot reach"),
        (["bench", "http", "noise.wav", "--url", "URL"], 2, "unsupported_audio: no"),
        (["bench", "ws", "none.wav"], 2, "unsupported_audio: none.wav cannot be read"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"MANIFEST": clips(tmp_path, {"one": "one", "noise": ""}), "URL": url}
    result = runner.invoke(app, [names.get(argument, argument) for argument in arguments])
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_normaliser_that_is_not_installed_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "whisper_normalizer.basic", None)
    result = runner.invoke(app, ["eval", clips(tmp_path, {"one": "one"}), "--normaliser", "whisper"])
    assert result.exit_code == 1
    assert "izwi[bench]" in result.stderr


def test_requests_are_counted_and_errors_set_the_exit_code(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clips(tmp_path, {"one": "", "noise": ""})
    result = runner.invoke(app, ["bench", "http", "one.wav", "--url", url, "--requests", "4"])
    assert result.exit_code == 0, result.output
    assert "p50" in result.stdout
    assert "requests/s, 2 at once; 8.0 s of audio in" in result.stdout
    mixed = runner.invoke(app, ["bench", "http", "one.wav", "noise.wav", "--url", url, "--requests", "4", "--json"])
    assert mixed.exit_code == 1
    assert json.loads(mixed.stdout)["errors"] == {"unsupported_audio: no (request r)": 2}
    assert mixed.stderr == "2 times unsupported_audio: no (request r)\n"


def test_any_address_of_a_server_will_do() -> None:
    assert http_address("ws://127.0.0.1:8000/") == "http://127.0.0.1:8000"
    assert http_address("wss://speech.example/izwi") == "https://speech.example/izwi"
    for wrong in ("127.0.0.1:8000", "ftp://speech.example", "http://"):
        with pytest.raises(typer.BadParameter):
            http_address(wrong)


def test_a_path_before_the_routes_is_kept(url: str) -> None:
    async def ask() -> str:
        async with TranscriptionClient(f"{url}/izwi", None, 1) as client:
            return (await client.transcribe("one.wav", b"", {})).text

    assert asyncio.run(ask()) == "one"
