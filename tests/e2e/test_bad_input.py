"""Everything a careless or hostile client may send gets a clear typed answer on a real socket."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import MAX_AUDIO_SECONDS, Server
from tests.metrics import scrape, value
from tests.speech import LIBRIVOX, NOISES, load, needs_librivox, needs_noises

LIMIT_S = 30.0


@asynccontextmanager
async def raw(server: Server) -> AsyncIterator[ClientConnection]:
    async with connect(server.ws, max_size=None, compression=None, proxy=None) as socket:
        yield socket


async def receive(socket: ClientConnection, *types: str) -> dict[str, Any]:
    """The next message of one of these types."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            frame = await socket.recv()
            if isinstance(frame, str) and json.loads(frame)["type"] in types:
                return json.loads(frame)


async def start(socket: ClientConnection, **data: Any) -> dict[str, Any]:
    await socket.send(json.dumps({"type": "session.start", "data": {"source_language": "en", **data}}))
    return await receive(socket, "session.started", "error")


async def hear(server: Server, pcm: bytes, frame: int = 32_000, **data: Any) -> dict[str, list[dict[str, Any]]]:
    """Send audio within the credit, collect every message by type until the session ends."""
    messages: dict[str, list[dict[str, Any]]] = {}
    async with raw(server) as socket:
        started = await start(socket, **data)
        assert started["type"] == "session.started", started
        form = {"sample_rate": 16_000, "channels": 1, "encoding": "pcm_s16le", **data.get("audio", {})}
        bytes_per_s = form["sample_rate"] * form["channels"] * (4 if form["encoding"] == "pcm_f32le" else 2)
        window_s = started["data"]["window_samples"] / 16_000
        received_s = 0.0
        moved = asyncio.Event()

        async def send() -> None:
            for begin in range(0, len(pcm), frame):
                while (begin + frame) / bytes_per_s > received_s + window_s:
                    moved.clear()
                    await asyncio.wait_for(moved.wait(), LIMIT_S)
                await socket.send(pcm[begin : begin + frame])
            await socket.send(json.dumps({"type": "audio.end"}))

        sender = asyncio.create_task(send())
        async with asyncio.timeout(LIMIT_S * 2):
            while "session.ended" not in messages:
                received = await socket.recv()
                if isinstance(received, str):
                    message = json.loads(received)
                    messages.setdefault(message["type"], []).append(message["data"])
                    if message["type"] == "audio.progress":
                        received_s = message["data"]["received_samples"] / 16_000
                        moved.set()
        await sender
    return messages


def transcript(messages: dict[str, list[dict[str, Any]]]) -> str:
    return " ".join(final["text"] for final in messages.get("transcript.final", [])).strip()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", "invalid_message"),
        ("[1, 2]", "invalid_message"),
        ("\x00\xff", "invalid_message"),
        ('{"type": "dance"}', "unknown_message_type"),
        ('{"no": "type"}', "unknown_message_type"),
        ('{"type": "session.start", "data": {"speed": 99}}', "invalid_message"),
        ('{"type": "session.start", "data": {"volume": 11}}', "invalid_message"),
        ('{"type": "audio.append", "data": {"audio": "AAAA"}}', "protocol_violation"),
        ('{"type": "audio.end"}', "protocol_violation"),
        (b"\x00\x00", "protocol_violation"),
    ],
)
async def test_a_wrong_frame_gets_its_code_and_the_connection_lives(
    server: Server, frame: str | bytes, code: str
) -> None:
    async with raw(server) as socket:
        await socket.send(frame)
        error = await receive(socket, "error")
        assert error["data"]["code"] == code
        assert error["data"]["fatal"] is False
        assert error["data"]["request_id"]
        assert (await start(socket))["type"] == "session.started"


@pytest.mark.parametrize(
    ("asked", "code", "mentions"),
    [
        ({"source_language": "xx"}, "unsupported_language", "en"),
        ({"target_language": "xx"}, "unsupported_pair", "en→es"),
        ({"source_language": "de", "target_language": "es"}, "unsupported_pair", "en→es"),
    ],
)
async def test_an_unsupported_language_is_refused_with_what_is_supported(
    server: Server, asked: dict[str, str], code: str, mentions: str
) -> None:
    async with raw(server) as socket:
        error = await start(socket, **asked)
        assert (error["data"]["code"], error["data"]["fatal"]) == (code, True)
        assert mentions in error["data"]["message"]
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), LIMIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_a_second_start_and_audio_after_the_end_are_violations(server: Server) -> None:
    async with raw(server) as socket:
        await start(socket)
        await socket.send('{"type": "session.start"}')
        assert (await receive(socket, "error"))["data"]["code"] == "protocol_violation"
        await socket.send('{"type": "audio.append", "data": {"audio": "not base64!"}}')
        assert (await receive(socket, "error"))["data"]["code"] == "invalid_message"
        await socket.send('{"type": "audio.end"}')
        await socket.send(b"\x00\x00")
        assert (await receive(socket, "error", "session.ended"))["type"] in ("error", "session.ended")


async def test_clients_that_never_answer_a_ping_are_disconnected_whether_they_send_or_not(server: Server) -> None:
    async def wait(sending: bool) -> None:
        async with raw(server) as socket:
            await start(socket)
            sender = asyncio.create_task(send(socket)) if sending else None
            error = await receive(socket, "error")
            if sender is not None:
                sender.cancel()
            assert (error["data"]["code"], error["data"]["fatal"]) == ("client_timeout", True)

    async def send(socket: ClientConnection) -> None:
        while True:
            await socket.send(np.zeros(1_600, np.int16).tobytes())
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as tasks:
        for sending in (True, False):
            tasks.create_task(wait(sending), name=f"sending: {sending}")


async def test_too_many_bad_frames_end_the_connection(server: Server) -> None:
    async with raw(server) as socket:
        for _ in range(101):
            await socket.send("x")
        fatal = [await receive(socket, "error") for _ in range(101)][-1]
        assert fatal["data"]["fatal"] is True


async def test_a_frame_beyond_the_limit_is_refused(server: Server) -> None:
    async with raw(server) as socket:
        await start(socket)
        await socket.send(b"\x00" * 1_000_001)
        assert (await receive(socket, "error"))["data"]["code"] == "invalid_message"


@needs_librivox
async def test_audio_beyond_the_limit_ends_the_session_but_loses_nothing_before_it(server: Server) -> None:
    speech = (load(LIBRIVOX[1].path) * 32767).astype(np.int16)
    sent = np.concatenate([np.zeros(16_000 * (MAX_AUDIO_SECONDS - 4), np.int16), speech, np.zeros(32_000, np.int16)])
    async with raw(server) as socket:
        started = await start(socket)
        window = started["data"]["window_samples"]
        received = 0
        for begin in range(0, len(sent), 16_000):
            while begin + 16_000 > received + window:
                received = (await receive(socket, "audio.progress"))["data"]["received_samples"]
            await socket.send(sent[begin : begin + 16_000].tobytes())
        final = await receive(socket, "transcript.final", "error")
        assert "young man" in final["data"]["text"].lower()
        assert (await receive(socket, "session.ended"))["data"]["reason"] == "audio_too_long"
        error = await receive(socket, "error")
        assert (error["data"]["code"], error["data"]["fatal"]) == ("audio_too_long", True)


async def test_a_client_far_beyond_its_window_is_told_so_and_disconnected(server: Server) -> None:
    async with raw(server) as socket:
        await start(socket)
        noise = np.random.default_rng(0).normal(0, 8000, 16_000 * 10).astype(np.int16).tobytes()
        for _ in range(5):
            await socket.send(noise)
        error = await receive(socket, "error")
        assert (error["data"]["code"], error["data"]["fatal"]) == ("protocol_violation", True)
        assert "audio.progress" in error["data"]["message"]


async def test_a_ping_is_answered(server: Server) -> None:
    async with raw(server) as socket:
        await socket.send('{"type": "ping"}')
        assert (await receive(socket, "pong"))["type"] == "pong"


@pytest.mark.parametrize("seconds", [0, 5])
async def test_silence_is_an_empty_transcript(server: Server, seconds: int) -> None:
    messages = await hear(server, np.zeros(16_000 * seconds, np.int16).tobytes())
    assert transcript(messages) == ""
    assert messages["session.ended"][0]["audio_s"] == seconds


async def test_faint_hiss_is_an_empty_transcript(server: Server) -> None:
    hiss = np.random.default_rng(1).normal(0, 60, 16_000 * 5).astype(np.int16)
    assert transcript(await hear(server, hiss.tobytes())) == ""


@needs_noises
@pytest.mark.parametrize("path", NOISES, ids=lambda path: path.stem)
async def test_noise_and_music_invent_no_words(server: Server, path: Any) -> None:
    noise = (load(path)[: 16_000 * 20] * 32767).astype(np.int16)
    messages = await hear(server, noise.tobytes())
    assert transcript(messages) == ""
    assert messages.get("error", []) == []


@needs_librivox
@pytest.mark.parametrize(
    ("rate", "channels", "encoding"), [(8_000, 1, "pcm_s16le"), (48_000, 2, "pcm_s16le"), (44_100, 1, "pcm_f32le")]
)
async def test_any_rate_and_channel_count_is_converted(server: Server, rate: int, channels: int, encoding: str) -> None:
    import soxr

    samples = np.repeat(soxr.resample(load(LIBRIVOX[1].path), 16_000, rate)[:, None], channels, axis=1)
    audio = samples.astype("<f4") if encoding == "pcm_f32le" else (samples * 32767).astype("<i2")
    form = {"encoding": encoding, "sample_rate": rate, "channels": channels}
    messages = await hear(server, audio.tobytes(), frame=rate // 5 * audio.itemsize * channels + 1, audio=form)
    assert "young man" in transcript(messages).lower()


@needs_librivox
async def test_base64_both_ways(server: Server) -> None:
    audio = (load(LIBRIVOX[1].path) * 32767).astype(np.int16).tobytes()
    async with raw(server) as socket:
        await start(socket, target_language="es", speech_transport="base64")
        for begin in range(0, len(audio), 6400):
            data = {"audio": base64.b64encode(audio[begin : begin + 6400]).decode()}
            await socket.send(json.dumps({"type": "audio.append", "data": data}))
        await socket.send('{"type": "audio.end"}')
        spoken = await receive(socket, "speech.audio")
        assert len(base64.b64decode(spoken["data"]["audio"])) == 2 * spoken["data"]["samples"]


@needs_librivox
async def test_a_client_that_vanishes_leaves_nothing_behind(server: Server) -> None:
    audio = (load(LIBRIVOX[0].path) * 32767).astype(np.int16).tobytes()
    socket = await connect(server.ws, proxy=None)
    await start(socket)
    await socket.send(audio[:64_000])
    socket.transport.abort()
    async with asyncio.timeout(LIMIT_S):
        while value(scrape(server.http), "izwi_live_sessions"):
            await asyncio.sleep(0.1)
