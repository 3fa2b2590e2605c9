"""The client against a small server that breaks connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from izwi import messages as m
from izwi.audio import from_pcm16
from izwi.client import IzwiClient, Session
from izwi.client_events import Event
from izwi.errors import InvalidMessage, SessionGone, Unavailable
from izwi.opus_converter import OpusConverter
from izwi.opus_packets import resend_from
from tests.signals import snr_db, voice

AUDIO = (np.arange(16_000) % 1000 / 1000).astype(np.float32)
STARTED = m.SessionStarted(
    session_id="s", protocol="1.0", window_samples=320_000, engines={}, resume_token="t", resumable=True
)
Script = Callable[[ServerConnection, int], Awaitable[None]]


@asynccontextmanager
async def serving(script: Script, refuse: frozenset[int] = frozenset()) -> AsyncIterator[str]:
    """``script`` gets every connection with its number; those in ``refuse`` get HTTP 503 instead."""
    failures: list[BaseException] = []
    count = -1

    def check(socket: ServerConnection, request: Request) -> Response | None:
        nonlocal count
        count += 1
        return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "later") if count in refuse else None

    async def handle(socket: ServerConnection) -> None:
        try:
            await script(socket, count)
        except AssertionError as error:
            failures.append(error)

    async with serve(handle, "127.0.0.1", 0, process_request=check) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    if failures:
        raise failures[0]


async def tell(socket: ServerConnection, *messages: m.ServerMessage) -> None:
    for message in messages:
        await socket.send(message.model_dump_json())


async def take(socket: ServerConnection, samples: int) -> np.ndarray:
    """At least so many samples of audio."""
    frames = np.zeros(0, np.float32)
    while len(frames) < samples:
        frame = await socket.recv()
        assert isinstance(frame, bytes)
        frames = np.concatenate([frames, from_pcm16(frame)])
    return frames


async def resumed(socket: ServerConnection, at: int) -> m.SessionResume:
    wanted = m.parse_client(await socket.recv())
    assert isinstance(wanted, m.SessionResumeMessage)
    data = m.SessionResumed(session_id="s", protocol="1.0", window_samples=320_000, from_samples=at)
    await tell(socket, m.SessionResumedMessage(data=data))
    return wanted.data


def ended(seq: int) -> m.SessionEndedMessage:
    return m.SessionEndedMessage(data=m.SessionEnded(reason="end", audio_s=1, utterances=0, clauses=0), seq=seq)


def skipped(seq: int) -> m.SpeechSkippedMessage:
    return m.SpeechSkippedMessage(data=m.SpeechSkipped(clause=seq, reason="r"), seq=seq)


def progress(received: int, acknowledged: int) -> m.AudioProgressMessage:
    return m.AudioProgressMessage(data=m.AudioProgress(received_samples=received, acknowledged_samples=acknowledged))


async def talk(session: Session, audio: np.ndarray = AUDIO) -> list[Event]:
    async def send() -> None:
        for piece in np.split(audio, 10):
            await session.send(piece)
        await session.end()

    sending = asyncio.create_task(send())
    try:
        return [event async for event in session]
    finally:
        await asyncio.wait([sending])


@pytest.mark.parametrize("code", [1001, 1006, 1012, 1013])
async def test_what_was_not_acknowledged_is_sent_again_and_nothing_is_read_twice(code: int) -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        if number == 0:
            await socket.recv()
            await tell(socket, m.SessionStartedMessage(data=STARTED))
            await take(socket, 16_000)
            await tell(socket, skipped(1), progress(9_000, 5_000))
            await asyncio.sleep(0.05)
            if code == 1006:
                socket.transport.abort()
            else:
                await socket.close(code)
            return
        wanted = await resumed(socket, 6_000)
        assert (wanted.last_seq, wanted.acknowledged_samples) == (1, 5_000)
        again = await take(socket, 10_000)
        assert np.allclose(again, AUDIO[6_000:], atol=1e-4)
        assert isinstance(m.parse_client(await socket.recv()), m.AudioEndMessage)
        await tell(socket, skipped(1), skipped(2), ended(3))

    async with serving(script) as url, asyncio.timeout(10), IzwiClient(url).session() as session:
        events = await talk(session)
    assert session.resumes == 1
    assert [event.seq for event in events if isinstance(event, m.SpeechSkippedMessage)] == [1, 2]


async def test_an_opus_stream_is_taken_up_at_a_packet_and_by_a_fresh_encoder() -> None:
    said = from_pcm16(voice(2.0, 16_000).tobytes())
    received: list[list[bytes]] = [[], []]
    begin = resend_from(9_000)
    assert begin == 7_680

    async def script(socket: ServerConnection, number: int) -> None:
        if number == 0:
            await socket.recv()
            await tell(socket, m.SessionStartedMessage(data=STARTED))
            while len(received[0]) < 60:
                received[0].append(await socket.recv())
            await tell(socket, progress(16_000, 9_000))
            await asyncio.sleep(0.05)
            socket.transport.abort()
            return
        wanted = await resumed(socket, begin)
        assert wanted.acknowledged_samples == 9_000
        while isinstance(packet := await socket.recv(), bytes):
            received[1].append(packet)
        await tell(socket, ended(1))

    start = m.SessionStart(audio=m.AudioFormat(encoding="opus"))
    async with serving(script) as url, asyncio.timeout(10), IzwiClient(url).session(start) as session:
        await talk(session, said)
    heard = []
    for packets in received:
        converter = OpusConverter()
        heard.append(np.concatenate([*map(converter.push, packets), converter.flush()]))
    delay = 104  # of the encoder, at 16 kHz
    rest = heard[1][9_000 - begin + delay :][: len(said) - 9_000]
    assert snr_db(said[9_000:], rest) > 10
    assert snr_db(said[: 16_000 - delay], heard[0][delay:16_000]) > 10


async def test_the_end_is_told_again_even_if_all_audio_was_settled() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        if number == 0:
            await socket.recv()
            await tell(socket, m.SessionStartedMessage(data=STARTED))
            await take(socket, 16_000)
            socket.transport.abort()
            return
        await resumed(socket, 16_384)  # the server filled up its last frame
        assert isinstance(m.parse_client(await socket.recv()), m.AudioEndMessage)
        await tell(socket, ended(1))

    async with serving(script) as url, asyncio.timeout(10), IzwiClient(url).session() as session:
        await talk(session)


async def test_a_server_that_always_breaks_is_given_up() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        if number == 0:
            await socket.recv()
            await tell(socket, m.SessionStartedMessage(data=STARTED))
        else:
            await resumed(socket, 0)
        socket.transport.abort()

    async with serving(script) as url, asyncio.timeout(20), IzwiClient(url, resume_for_s=2).session() as session:
        with pytest.raises(Unavailable):
            await talk(session)


async def test_it_tries_again_while_the_server_is_not_there_or_has_no_room() -> None:
    busy = m.ErrorData(code="overloaded", message="no", retryable=True, fatal=True, request_id="r")

    async def script(socket: ServerConnection, number: int) -> None:
        await socket.recv() if number in (0, 3) else None
        match number:
            case 0:
                await tell(socket, m.SessionStartedMessage(data=STARTED))
                socket.transport.abort()
            case 3:
                await tell(socket, m.ErrorMessage(data=busy))
                await socket.close(1013)
            case _:
                await resumed(socket, 0)
                await take(socket, 16_000)
                await tell(socket, ended(1))

    async with (
        serving(script, refuse=frozenset({1, 2})) as url,
        asyncio.timeout(20),
        IzwiClient(url).session() as session,
    ):
        await talk(session)
    assert session.resumes == 1


@pytest.mark.parametrize(("code", "expected"), [("session_gone", SessionGone), ("invalid_message", InvalidMessage)])
async def test_a_session_that_cannot_be_resumed_is_a_typed_error(code: str, expected: type[Exception]) -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await socket.recv()
        if number == 0:
            await tell(socket, m.SessionStartedMessage(data=STARTED))
            socket.transport.abort()
        else:
            data = m.ErrorData(code=code, message="no", retryable=False, fatal=True, request_id="r")
            await tell(socket, m.ErrorMessage(data=data))

    async with serving(script) as url, asyncio.timeout(10), IzwiClient(url).session() as session:
        with pytest.raises(expected):
            await talk(session)


async def test_it_gives_up_in_the_end() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        if number == 0:
            await socket.recv()
            await tell(socket, m.SessionStartedMessage(data=STARTED))
        socket.transport.abort()

    async with serving(script) as url, asyncio.timeout(10), IzwiClient(url, resume_for_s=0.5).session() as session:
        with pytest.raises(Unavailable):
            await talk(session)


async def test_a_session_that_the_server_cannot_store_is_not_resumed() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        assert number == 0
        await socket.recv()
        await tell(socket, m.SessionStartedMessage(data=STARTED))
        await tell(socket, m.SessionResumableMessage(data=m.SessionResumable(resumable=False)))
        await take(socket, 1_600)
        socket.transport.abort()

    async with serving(script) as url, asyncio.timeout(10), IzwiClient(url).session() as session:
        with pytest.raises(Unavailable):
            await talk(session)
