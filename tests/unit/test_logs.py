import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from pydantic import BaseModel

from izwi import logs
from izwi.errors import Overloaded


@pytest.fixture(autouse=True)
def _leave_structlog_as_it_was() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def logged(capsys: pytest.CaptureFixture[str], **fields: object) -> dict[str, Any]:
    """The fields of one event after its way through JSON, without those every event has."""
    logs.configure("info", human=False)
    structlog.get_logger().info("happened", **fields)
    (line,) = lines(capsys)
    return {name: value for name, value in line.items() if name not in {"event", "level", "timestamp"}}


def test_one_json_object_per_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", human=False)
    log = structlog.get_logger()
    log.info("session started", engines=("silero", "base"), audio_s=1.5, path=Path("a/b"))
    log.warning("two\nlines")
    first, second = lines(capsys)
    assert datetime.fromisoformat(first.pop("timestamp")).tzinfo == UTC
    assert first == {
        "event": "session started",
        "level": "info",
        "engines": ["silero", "base"],
        "audio_s": 1.5,
        "path": "a/b",
    }
    assert second["event"] == "two\nlines"


def test_events_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", human=False)
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_a_logger_made_before_configure_follows_it(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger()
    logs.configure("error", human=False)
    log.error("one")
    logs.configure("debug", human=False)
    log.debug("two")
    assert [line["event"] for line in lines(capsys)] == ["one", "two"]


def test_context_is_merged(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", session_id="s1", user="ab12"):
        assert logged(capsys, stage="asr") == {"request_id": "r1", "session_id": "s1", "user": "ab12", "stage": "asr"}


def test_context_cannot_smuggle_a_payload(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.contextvars.bound_contextvars(resume_token="t", session_id="s1"):
        assert logged(capsys) == {"session_id": "s1"}


@pytest.mark.parametrize(
    "name",
    [
        "audio",
        "text",
        "texts",
        "source_text",
        "TEXT",
        "token",
        "resume_token",
        "resumeToken",
        "Authorization",
        "proxy-authorization",
        "api_key",
        "apiKey",
        "x-api-key",
        "IZWI_API_KEYS",
        "Set-Cookie",
        "password",
        "credentials",
        "transcript",
        "hypotheses.text",
        "committed",
        "tentative",
        "request_body",
    ],
)
def test_payloads_and_secrets_are_dropped_by_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    fields: dict[str, object] = {name: "hush", "headers": {name: "hush", "n": 1}, "items": [{name: "hush"}]}
    assert logged(capsys, **fields) == {"headers": {"n": 1}, "items": [{}]}


@pytest.mark.parametrize("name", ["text_chars", "audio_s", "audio_queue", "token_count", "cache_key", "context", "ü"])
def test_measures_keep_their_place(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert logged(capsys, **{name: 3}) == {name: 3}


class Message(BaseModel):
    content: str


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"RIFF", "<bytes>"),
        (memoryview(b"RIFF"), "<memoryview>"),
        (np.zeros(3, np.float32), "<ndarray>"),
        (Message(content="hush"), "<Message>"),
        (ValueError("hush"), "<ValueError>"),
        ([b"RIFF", 1], ["<bytes>", 1]),
    ],
)
def test_anything_but_plain_data_is_named_and_not_shown(
    capsys: pytest.CaptureFixture[str], value: object, shown: object
) -> None:
    assert logged(capsys, value=value) == {"value": shown}


@pytest.mark.parametrize(("value", "shown"), [("\udc80", "\udc80"), (2**70, 2**70), (float("nan"), None)])
def test_what_json_can_hardly_hold_does_not_lose_the_line(
    capsys: pytest.CaptureFixture[str], value: object, shown: object
) -> None:
    assert logged(capsys, value=value) == {"value": shown}


def test_a_traceback_shows_frames_but_no_locals(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", human=False)
    spoken = "".join(["hu", "sh"])
    try:
        try:
            raise Overloaded("no room for another session")
        except Overloaded as error:
            raise RuntimeError(f"{len(spoken)} letters") from error
    except RuntimeError:
        structlog.get_logger().exception("failed")
    (line,) = lines(capsys)
    assert "izwi.errors.Overloaded: no room for another session\nwhich led to:" in line["exception"]
    assert line["exception"].endswith("builtins.RuntimeError: 4 letters")
    assert "test_a_traceback_shows_frames" in line["exception"]
    assert "hush" not in line["exception"]


def test_errors_that_quote_their_input_are_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", human=False)
    heard = {"content": ["".join(["hu", "sh"])]}  # a traceback shows the source line, so the word must not be in it
    try:
        Message.model_validate(heard)
    except ValueError as error:
        group = ExceptionGroup("tasks failed", [error, KeyError("stage")])
    structlog.get_logger().error("failed", exc_info=group)
    (line,) = lines(capsys)
    assert "hush" not in line["exception"]
    assert "ValidationError: (message withheld" in line["exception"]
    assert "part 2 of 2:\nbuiltins.KeyError: 'stage'" in line["exception"]


def test_people_get_text_with_the_same_protection(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", human=True)
    try:
        raise ValueError("bad frame")
    except ValueError:
        structlog.get_logger().exception("failed", text="hush", stage="asr")
    shown = capsys.readouterr().err
    assert "failed" in shown
    assert "stage=asr" in shown
    assert "ValueError: bad frame" in shown
    assert "hush" not in shown
    assert not shown.startswith("{")


def test_the_stream_may_be_exchanged_later(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", human=False)
    written: list[str] = []

    class Stream:
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

        def flush(self) -> None:
            pass

    monkeypatch.setattr(sys, "stderr", Stream())
    structlog.get_logger().info("here")
    assert "here" in "".join(written)
    assert capsys.readouterr().err == ""


def test_a_pseudonym_is_stable_and_needs_the_key() -> None:
    name = logs.pseudonym("rosa@example.org", b"deployment one")
    assert name == logs.pseudonym("rosa@example.org", b"deployment one")
    assert len(name) == 16
    assert int(name, 16) >= 0
    assert name != logs.pseudonym("rosa@example.org", b"deployment two")
    assert name != logs.pseudonym("rose@example.org", b"deployment one")
