"""Each protocol of the load test against a small server that speaks it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from izwi import messages as m
from izwi.errors import Overloaded, ProtocolViolation, Unavailable, UnsupportedPair
from loadtests.adapters.conversation import (
    Committed,
    Failed,
    Final,
    Load,
    Observation,
    Partial,
    SpeechChunk,
    SpeechMerged,
    SpeechSkipped,
    Translated,
    opener,
)

Script = Callable[[ServerConnection], Awaitable[None]]
ENGLISH = m.SessionStart(source_language="en")
HALF_SECOND = np.full(8000, 0.25, np.float32)


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    failures: list[BaseException] = []

    async def handle(socket: ServerConnection) -> None:
        try:
            await script(socket)
        except AssertionError as error:
            failures.append(error)

    async with serve(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    if failures:
        raise failures[0]


async def converse(protocol: str, script: Script, start: m.SessionStart = ENGLISH) -> list[Observation]:
    """Send two half seconds and read to the end."""
    async with serving(script) as url, asyncio.timeout(10), opener(protocol)(url, start) as conversation:
        for _ in range(2):
            await conversation.send(HALF_SECOND)
        await conversation.end()
        return [seen async for seen in conversation]


def bare(seen: list[Observation]) -> list[Observation]:
    """Without arrival times."""
    return [type(one)(**{**vars(one), "at": 0.0}) for one in seen]


async def tell(socket: ServerConnection, *events: dict[str, Any]) -> None:
    for event in events:
        await socket.send(json.dumps(event))


# --- izwi -------------------------------------------------------------------------------------------------------------
def error(code: str, fatal: bool) -> m.ErrorMessage:
    return m.ErrorMessage(data=m.ErrorData(code=code, message="no", retryable=True, fatal=fatal, request_id="r"))


async def native(socket: ServerConnection) -> None:
    start = m.parse_client(await socket.recv())
    assert isinstance(start, m.SessionStartMessage)
    assert start.data.target_language == "es"

    async def send(message: m.ServerMessage) -> None:
        await socket.send(message.model_dump_json())

    started = m.SessionStarted(
        session_id="s", protocol="1.0", window_samples=320_000, engines={}, resume_token="t", resumable=False
    )
    await send(m.SessionStartedMessage(data=started))
    samples = 0
    while isinstance(frame := await socket.recv(), bytes):
        samples += len(frame) // 2
    assert samples == 16_000
    await send(m.SpeechStartedMessage(data=m.SpeechBoundary(utterance=0, time_s=0.1)))
    await send(m.SessionLoadMessage(data=m.SessionLoad(level="stretched", update_ms=700)))
    partial = m.TranscriptPartial(utterance=0, committed="", tentative="Hi", language="en")
    await send(m.TranscriptPartialMessage(data=partial))
    committed = m.TranscriptCommitted(utterance=0, text="Hi.", words=[], language="en")
    await send(m.TranscriptCommittedMessage(data=committed))
    final = m.TranscriptFinal(utterance=0, text="Hi.", start_s=0.1, end_s=0.9, language="en", engine="e")
    await send(m.TranscriptFinalMessage(data=final))
    await send(
        m.TranslationCommittedMessage(
            data=m.TranslationCommitted(
                clause=0,
                utterance=0,
                source="Hi.",
                text="Hola.",
                source_language="en",
                target_language="es",
                start_s=0.1,
                end_s=0.9,
                engine="e",
            )
        )
    )
    speech = {"clause": 0, "engine": "e", "sample_rate": 16_000}
    await send(m.SpeechAudioMessage(data=m.SpeechAudio(**speech, samples=4, last=False)))
    await socket.send(bytes(8))
    await send(m.SpeechAudioMessage(data=m.SpeechAudio(**speech, samples=0, last=True)))
    await send(m.SpeechMergedMessage(data=m.SpeechMerged(clause=2, into=1)))
    await send(m.SpeechSkippedMessage(data=m.SpeechSkipped(clause=1, reason="behind")))
    await send(error("engine_failed", fatal=False))
    await send(m.SessionEndedMessage(data=m.SessionEnded(reason="audio_end", audio_s=1.0, utterances=1, clauses=1)))


async def test_izwi() -> None:
    seen = await converse("izwi", native, m.SessionStart(source_language="en", target_language="es"))
    assert bare(seen) == [
        Load(0.0, "stretched", 700),
        Partial(0.0, "0", "", "Hi"),
        Committed(0.0, "0", "Hi."),
        Final(0.0, "0", "Hi.", 0.9),
        Translated(0.0, 0, "Hola.", 0.9),
        SpeechChunk(0.0, 0, 4),
        SpeechMerged(0.0, 2, 1),
        SpeechSkipped(0.0, 1),
        Failed(0.0, "engine_failed", "no"),
    ]
    assert all(one.at > 0 for one in seen)


async def test_izwi_without_room() -> None:
    async def script(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(error("overloaded", fatal=True).model_dump_json())
        await socket.close(1013)

    with pytest.raises(Overloaded):
        await converse("izwi", script)


# --- OpenAI, realtime transcription -----------------------------------------------------------------------------------
TRANSCRIPTION = "conversation.item.input_audio_transcription"


async def openai_audio(socket: ServerConnection) -> tuple[int, dict[str, Any]]:
    """Samples until the commit, and the commit."""
    samples = 0
    while (event := json.loads(await socket.recv()))["type"] == "input_audio_buffer.append":
        samples += len(base64.b64decode(event["audio"])) // 2
    assert event["type"] == "input_audio_buffer.commit"
    return samples, event


async def openai_begin(socket: ServerConnection) -> None:
    assert socket.request is not None
    assert socket.request.path == "/v1/realtime?intent=transcription"
    await tell(socket, {"type": "session.created"})
    update = json.loads(await socket.recv())
    audio = update["session"]["audio"]["input"]
    assert (update["type"], update["session"]["type"]) == ("session.update", "transcription")
    assert audio["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert audio["transcription"]["language"] == "en"
    assert audio["turn_detection"]["type"] == "server_vad"
    await tell(socket, {"type": "session.updated"})


async def test_openai_realtime() -> None:
    async def script(socket: ServerConnection) -> None:
        await openai_begin(socket)
        samples, commit = await openai_audio(socket)
        assert samples == 24_000
        await tell(
            socket,
            {"type": "input_audio_buffer.speech_started", "item_id": "a", "audio_start_ms": 10},
            {"type": "input_audio_buffer.committed", "item_id": "a"},
            {"type": f"{TRANSCRIPTION}.delta", "item_id": "a", "delta": "Hello"},
            {"type": "input_audio_buffer.speech_started", "item_id": "b", "audio_start_ms": 600},
            {"type": f"{TRANSCRIPTION}.completed", "item_id": "a", "transcript": "Hello."},
            {"type": "error", "error": {"code": "odd", "message": "what?", "event_id": None}},
            {"type": "error", "error": {"code": "commit_empty", "message": "", "event_id": commit["event_id"]}},
            {"type": f"{TRANSCRIPTION}.failed", "item_id": "b", "error": {"code": "engine_failed", "message": "no"}},
        )
        await socket.wait_closed()

    assert bare(await converse("openai-realtime", script)) == [
        Committed(0.0, "a", "Hello"),
        Final(0.0, "a", "Hello."),
        Failed(0.0, "odd", "what?"),
        Failed(0.0, "engine_failed", "no"),
    ]


async def test_openai_realtime_waits_for_what_the_last_commit_holds() -> None:
    async def script(socket: ServerConnection) -> None:
        await openai_begin(socket)
        await openai_audio(socket)
        await tell(
            socket,
            {"type": "input_audio_buffer.committed", "item_id": "a"},
            {"type": f"{TRANSCRIPTION}.completed", "item_id": "a", "transcript": "Bye."},
        )
        await socket.wait_closed()

    assert bare(await converse("openai-realtime", script)) == [Final(0.0, "a", "Bye.")]


async def test_openai_realtime_without_room() -> None:
    async def script(socket: ServerConnection) -> None:
        await tell(socket, {"type": "error", "error": {"code": "overloaded", "message": "full"}})

    with pytest.raises(Overloaded, match="full"):
        await converse("openai-realtime", script)


# --- WhisperLiveKit ---------------------------------------------------------------------------------------------------
def state(*lines: tuple[int, str], buffer: str = "") -> dict[str, Any]:
    return {
        "status": "active_transcription",
        "lines": [{"speaker": speaker, "text": text, "start": "0:00:00", "end": "0:00:01"} for speaker, text in lines],
        "buffer_transcription": buffer,
        "buffer_diarization": "",
    }


async def test_whisperlivekit() -> None:
    async def script(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.path == "/asr?language=en"
        await tell(socket, {"type": "config", "useAudioWorklet": True})
        received = 0
        while frame := await socket.recv():
            assert isinstance(frame, bytes)
            received += len(frame) // 2
        assert received == 16_000
        await tell(
            socket,
            state(buffer=" Hello there"),
            {**state(buffer=" Hello there"), "remaining_time_transcription": 0.2},
            state((1, " Hello"), (-2, ""), (1, "there."), buffer=" my"),
            {"status": "x", "error": "out of memory"},
            {"type": "ready_to_stop"},
        )

    assert bare(await converse("whisperlivekit", script)) == [
        Partial(0.0, "session", "", "Hello there"),
        Partial(0.0, "session", "Hello there.", "my"),
        Failed(0.0, "server_error", "out of memory"),
        Final(0.0, "session", "Hello there. my"),
    ]


async def test_whisperlivekit_that_wants_compressed_audio() -> None:
    with pytest.raises(ProtocolViolation, match="--pcm-input"):
        await converse("whisperlivekit", lambda socket: tell(socket, {"type": "config", "useAudioWorklet": False}))


# --- all of them ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("protocol", ["openai-realtime", "whisperlivekit"])
async def test_captions_only(protocol: str) -> None:
    with pytest.raises(UnsupportedPair):
        await opener(protocol)("ws://127.0.0.1:9", m.SessionStart(target_language="es")).__aenter__()


@pytest.mark.parametrize("protocol", ["izwi", "openai-realtime", "whisperlivekit"])
@pytest.mark.parametrize(("code", "expected"), [(1013, Overloaded), (1011, Unavailable), (1000, Unavailable)])
async def test_a_lost_connection_is_typed(protocol: str, code: int, expected: type[Exception]) -> None:
    async def script(socket: ServerConnection) -> None:
        if protocol == "izwi":
            await socket.recv()  # the others wait for the server's greeting
        await socket.close(code)

    with pytest.raises(expected):
        await converse(protocol, script)


@pytest.mark.parametrize("protocol", ["izwi", "openai-realtime", "whisperlivekit"])
async def test_nobody_listening_is_unavailable(protocol: str) -> None:
    with pytest.raises(Unavailable, match="cannot connect"):
        await opener(protocol)("ws://127.0.0.1:9", ENGLISH).__aenter__()


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(ValueError, match="no protocol x"):
        opener("x")
