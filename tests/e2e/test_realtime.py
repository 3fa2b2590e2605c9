"""OpenAI's realtime transcription sessions on a real socket: by hand, and with the stock client for Python."""

import asyncio
import base64
import sys
from collections.abc import Callable
from pathlib import Path

import jiwer
import numpy as np
import openai
import pytest
from websockets.exceptions import ConnectionClosed
from whisper_normalizer.english import EnglishTextNormalizer

from izwi.g711 import decode_alaw, decode_mulaw
from tests.e2e.conftest import MAX_AUDIO_SECONDS, Server
from tests.e2e.realtime import (
    COMPLETED,
    DELTA,
    RATE,
    Talk,
    deltas_are_the_transcripts,
    output_of,
    pcm,
    snippets,
    talking,
)
from tests.figures import FIGURES
from tests.speech import LIBRIVOX, load, needs_librivox

PAUSE = np.zeros(16_000, np.float32)
NORMAL = EnglishTextNormalizer()
FIRST_UPDATE = {"transcription": {"model": "whisper-1", "language": "en"}}


def clips(*numbers: int) -> np.ndarray:
    """Each followed by a second of silence."""
    return np.concatenate([part for number in numbers for part in (load(LIBRIVOX[number].path), PAUSE)])


def wer(transcript: str, *numbers: int) -> float:
    return jiwer.wer(NORMAL(" ".join(LIBRIVOX[number].text for number in numbers)), NORMAL(transcript))


async def completed(talk: Talk, count: int = 1) -> str:
    """All transcripts, once there are so many."""
    while len(talk.of(COMPLETED)) < count:
        await talk.next(COMPLETED)
    return " ".join(event["transcript"] for event in talk.of(COMPLETED))


@needs_librivox
async def test_the_stock_python_client(server: Server) -> None:
    audio = pcm(clips(0, 1, 2))
    events = []
    client = openai.AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1")
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection, asyncio.timeout(60):
        await connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": RATE},
                        "transcription": {"model": "gpt-4o-transcribe", "language": "en"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
                    }
                },
            }
        )
        for begin in range(0, len(audio), 9600):
            await connection.input_audio_buffer.append(audio=base64.b64encode(audio[begin : begin + 9600]).decode())
        open_items: set[str] = set()
        seconds = len(audio) / 2 / RATE
        async for event in connection:
            events.append(event.model_dump())
            assert event.type != "error", event
            if event.type == "input_audio_buffer.speech_started":
                open_items.add(event.item_id)
            elif event.type == COMPLETED:
                open_items.discard(event.item_id)
                stopped = [e["audio_end_ms"] for e in events if e["type"] == "input_audio_buffer.speech_stopped"]
                if not open_items and stopped[-1] / 1000 > seconds - 1.5:
                    break
    deltas_are_the_transcripts(events)
    rate = wer(" ".join(e["transcript"] for e in events if e["type"] == COMPLETED), 0, 1, 2)
    FIGURES.append(f"WER {rate:.1%}: OpenAI's Python client, 3 clips")
    assert rate < 0.15

    started = [e["audio_start_ms"] for e in events if e["type"] == "input_audio_buffer.speech_started"]
    stopped = [e["audio_end_ms"] for e in events if e["type"] == "input_audio_buffer.speech_stopped"]
    edges = [edge for pair in zip(started, stopped, strict=True) for edge in pair]
    assert edges == sorted(edges)
    assert started[0] < 1000
    assert seconds - 1.5 < stopped[-1] / 1000 <= seconds
    ids = [e["event_id"] for e in events]
    assert len(set(ids)) == len(ids)
    committed = [e for e in events if e["type"] == "input_audio_buffer.committed"]
    assert [e["previous_item_id"] for e in committed] == [None, *(e["item_id"] for e in committed[:-1])]


@needs_librivox
async def test_without_any_update(server: Server) -> None:
    async with talking(server, "/v1/realtime?model=gpt-4o-transcribe") as talk:
        await talk.append(pcm(clips(1)))
        assert wer(await completed(talk), 1) < 0.3
        assert talk.of(DELTA)
        assert not any("meta" in event for event in talk.events)


@needs_librivox
async def test_with_debug_items_say_how_they_came_about(server: Server) -> None:
    async with talking(server, "/v1/realtime?model=gpt-4o-transcribe&debug=true") as talk:
        assert talk.events[0]["session"]["debug"] is True
        await talk.append(pcm(clips(1)))
        await completed(talk)
        times = talk.of(COMPLETED)[0]["meta"]["timings_ms"]
        assert times["vad"]["compute"] > 0
        assert times["asr"]["compute"] > 0


@needs_librivox
@pytest.mark.parametrize("kind", ["audio/pcm 16000", "audio/pcmu", "audio/pcma"])
async def test_other_formats(server: Server, kind: str) -> None:
    name, _, rate = kind.partition(" ")
    async with talking(server) as talk:
        await talk.update(format={"type": name, **({"rate": int(rate)} if rate else {})}, **FIRST_UPDATE)
        audio = pcm(clips(0), int(rate or 8000))
        await talk.append(audio if rate else companded(audio, decode_mulaw if name == "audio/pcmu" else decode_alaw))
        assert wer(await completed(talk), 0) < 0.35


def companded(audio: bytes, decode: Callable[[bytes], np.ndarray]) -> bytes:
    """The nearest code of each sample."""
    values = decode(bytes(range(256))).astype(np.int32)
    order = np.argsort(values)
    samples = np.frombuffer(audio, "<i2").astype(np.int32)
    middles = (values[order][1:] + values[order][:-1]) // 2
    return order[np.searchsorted(middles, samples)].astype(np.uint8).tobytes()


@needs_librivox
async def test_without_turn_detection_commits_make_the_items(server: Server) -> None:
    async with talking(server) as talk:
        assert (await talk.update(turn_detection=None, **FIRST_UPDATE))["type"] == "session.updated"
        await talk.append(pcm(clips(0, 1)))
        await talk.send("input_audio_buffer.commit")
        await talk.append(pcm(load(LIBRIVOX[2].path)))  # ends with the last word
        await talk.send("input_audio_buffer.commit")
        await completed(talk, 2)
        first, second = (event["transcript"] for event in talk.of(COMPLETED))
        assert wer(first, 0, 1) < 0.2
        assert wer(second, 2) < 0.2
        deltas_are_the_transcripts(talk.events)
        assert not talk.of("input_audio_buffer.speech_started")
        order = [event["type"] for event in talk.events if event["type"] in (DELTA, "input_audio_buffer.committed")]
        assert order[0] == "input_audio_buffer.committed"
        seconds = talk.of(COMPLETED)[0]["usage"]["seconds"]
        assert seconds == pytest.approx(len(clips(0, 1)) / 16_000, abs=0.01)


@needs_librivox
async def test_what_is_cleared_is_never_heard_of(server: Server) -> None:
    async with talking(server) as talk:
        await talk.update(turn_detection=None, **FIRST_UPDATE)
        await talk.append(pcm(clips(0)))
        await talk.send("input_audio_buffer.clear")
        await talk.append(pcm(clips(4)))
        await talk.send("input_audio_buffer.commit")
        assert wer(await completed(talk), 4) < 0.3
        assert talk.events[-1]["transcript"] == talk.joined(DELTA)
        assert len(talk.of("input_audio_buffer.cleared")) == 1


async def test_a_commit_of_silence_is_an_empty_item_and_one_of_nothing_an_error(server: Server) -> None:
    async with talking(server) as talk:
        await talk.update(turn_detection=None)
        await talk.append(bytes(RATE))
        await talk.send("input_audio_buffer.commit")
        assert (await talk.next(COMPLETED))["transcript"] == ""
        await talk.send("input_audio_buffer.commit", event_id="mine")
        error = (await talk.next("error"))["error"]
        assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")


@needs_librivox
async def test_turn_detection_is_the_sessions_own(server: Server) -> None:
    """Two clips with a second between them are one item where a second and a half of silence is asked for."""
    items = {}
    near_end_ms = len(clips(1, 4)) / 16 - 1500
    for silence_ms in (300, 1500):
        async with talking(server) as talk:
            detection = {"type": "server_vad", "silence_duration_ms": silence_ms, "prefix_padding_ms": 0}
            await talk.update(turn_detection=detection, **FIRST_UPDATE)
            await talk.append(pcm(np.concatenate([clips(1, 4), PAUSE, PAUSE])))
            await talk.until(lambda event: event.get("audio_end_ms", 0) > near_end_ms)
            items[silence_ms] = len(talk.of("input_audio_buffer.speech_started"))
            assert wer(await completed(talk, items[silence_ms]), 1, 4) < 0.2
    assert items[1500] < items[300]


@needs_librivox
async def test_the_program_in_the_documentation(server: Server, tmp_path: Path) -> None:
    program = snippets("python")[0].replace("http://127.0.0.1:8000", server.http)
    audio = pcm(clips(4))
    printed = await output_of(sys.executable, "-c", program, folder=tmp_path, audio=audio, enough="amiable")
    assert "amiable" in printed.lower()


BAD = [
    ("{", "invalid_message", None),
    ('{"type": "response.create", "event_id": "mine"}', "unknown_message_type", "type"),
    ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_message", "audio"),
    (b"\0\0\0\0", "invalid_message", None),
    (
        '{"type": "session.update", "session": {"type": "transcription", "audio": {"input": {"turn_detection": '
        '{"type": "semantic_vad"}}}}}',
        "invalid_message",
        "session.audio.input.turn_detection.type",
    ),
    (
        '{"type": "session.update", "session": {"audio": {"input": {"transcription": {"language": "xx"}}}}}',
        "unsupported_language",
        "session.audio.input.transcription.language",
    ),
    ('{"type": "input_audio_buffer.append", "audio": "' + "A" * 1_000_000 + '"}', "invalid_message", None),
]


@needs_librivox
async def test_after_errors_of_the_client_the_session_lives_on(server: Server) -> None:
    async with talking(server) as talk:
        for frame, code, param in BAD:
            await talk.socket.send(frame)
            error = (await talk.next("error"))["error"]
            assert (error["code"], error["param"]) == (code, param), error
            assert error["type"] == "invalid_request_error"
            assert error["request_id"]
        assert talk.events[2]["error"]["event_id"] == "mine"
        await talk.append(pcm(clips(0)))
        assert wer(await completed(talk), 0) < 0.3
        await talk.send("session.update", session={"audio": {"input": {"turn_detection": None}}})
        error = (await talk.next("error"))["error"]
        assert (error["code"], error["param"]) == ("protocol_violation", "session.audio.input.turn_detection")


async def test_a_session_of_another_kind_is_refused(server: Server) -> None:
    async with talking(server, "/v1/realtime?intent=conversation") as talk:
        assert talk.events[-1]["error"]["param"] == "intent"
        with pytest.raises(ConnectionClosed):
            await talk.socket.recv()
        assert talk.socket.close_code == 1008


async def test_audio_beyond_the_limit_ends_the_session_after_all_before_it(server: Server) -> None:
    async with talking(server) as talk:
        for _ in range(MAX_AUDIO_SECONDS + 1):
            await talk.append(bytes(RATE * 2))
        assert (await talk.next("error"))["error"]["code"] == "audio_too_long"
        with pytest.raises(ConnectionClosed):
            await talk.socket.recv()
        assert talk.socket.close_code == 1008
