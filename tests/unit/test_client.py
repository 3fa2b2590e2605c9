"""The client against a small server that speaks the protocol."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
import soxr
from websockets.asyncio.server import ServerConnection, serve

from izwi import messages as m
from izwi.audio import from_pcm16
from izwi.client import IzwiClient
from izwi.client_events import Speech
from izwi.errors import Overloaded, ProtocolViolation, Unavailable, UnsupportedPair
from izwi.opus_packets import PRE_SKIP, duration
from izwi.opus_speech import OpusSpeech
from izwi.pacing import SendClock
from tests.signals import decoded, snr_db, voice

Script = Callable[["Server"], Awaitable[None]]


class Server:
    """One connection of the scripted server."""

    def __init__(self, socket: ServerConnection, window: int) -> None:
        self.socket = socket
        self.window = window
        self.received = 0

    async def send(self, message: m.ServerMessage) -> None:
        await self.socket.send(message.model_dump_json())

    async def receive(self) -> m.ClientMessage | bytes:
        frame = await self.socket.recv()
        return frame if isinstance(frame, bytes) else m.parse_client(frame)

    async def begin(self) -> m.SessionStart:
        start = await self.receive()
        assert isinstance(start, m.SessionStartMessage)
        started = m.SessionStarted(
            session_id="s", protocol="1.0", window_samples=self.window, engines={}, resume_token="t", resumable=False
        )
        await self.send(m.SessionStartedMessage(data=started))
        return start.data

    async def take(self) -> bool:
        """Read one frame and grant credit for it; False at the end of the audio."""
        frame = await self.receive()
        if not isinstance(frame, bytes):
            return False
        self.received += len(frame) // 2
        progress = m.AudioProgress(received_samples=self.received, acknowledged_samples=0)
        await self.send(m.AudioProgressMessage(data=progress))
        return True

    async def finish(self) -> None:
        ended = m.SessionEnded(reason="audio_end", audio_s=self.received / 16000, utterances=0, clauses=0)
        await self.send(m.SessionEndedMessage(data=ended))


@asynccontextmanager
async def serving(script: Script, window: int = 320_000) -> AsyncIterator[str]:
    failures: list[BaseException] = []

    async def handle(socket: ServerConnection) -> None:
        try:
            await script(Server(socket, window))
        except AssertionError as error:
            failures.append(error)

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
    if failures:
        raise failures[0]


async def test_a_whole_session() -> None:
    async def script(server: Server) -> None:
        start = await server.begin()
        assert start.target_language == "es"
        while await server.take():
            pass
        await server.finish()

    async with (
        serving(script) as url,
        IzwiClient(url).session(m.SessionStart(target_language="es")) as session,
    ):
        await session.send(np.zeros(20_000, np.float32))
        await session.end()
        events = [event async for event in session]
        assert session.sent.samples == 20_000
    assert isinstance(events[-1], m.SessionEndedMessage)
    assert events[-1].data.audio_s == 1.25
    assert all(isinstance(event, m.AudioProgressMessage) for event in events[:-1])


async def test_sending_waits_for_credit() -> None:
    may_go_on = asyncio.Event()

    async def script(server: Server) -> None:
        await server.begin()
        await may_go_on.wait()
        while await server.take():
            assert server.received <= 40_000
        await server.finish()

    async with serving(script, window=10_000) as url, IzwiClient(url).session() as session:
        sending = asyncio.create_task(session.send(np.zeros(40_000, np.float32)))
        done, _ = await asyncio.wait([sending], timeout=0.2)
        assert not done
        assert session.sent.samples <= 10_000
        may_go_on.set()
        await sending
        await session.end()
        assert session.sent.samples == 40_000
        assert [event async for event in session]


async def test_speech_is_joined_to_its_audio_and_pings_are_answered() -> None:
    pcm = np.arange(-5, 5, dtype=np.int16)

    async def script(server: Server) -> None:
        await server.begin()
        await server.send(m.PingMessage())
        assert isinstance(await server.receive(), m.PongMessage)
        common = {"clause": 1, "engine": "espeak", "sample_rate": 22050, "speed": 1.2, "backlog_s": 4.5}
        await server.send(m.SpeechAudioMessage(data=m.SpeechAudio(**common, samples=10, last=False)))
        await server.socket.send(pcm.tobytes())
        text = base64.b64encode(pcm.tobytes()).decode()
        await server.send(m.SpeechAudioMessage(data=m.SpeechAudio(**common, samples=10, last=False, audio=text)))
        await server.send(m.SpeechMergedMessage(data=m.SpeechMerged(clause=2, into=1)))
        await server.send(m.SpeechAudioMessage(data=m.SpeechAudio(**common, samples=0, last=True)))
        await server.finish()

    async with serving(script) as url, IzwiClient(url).session() as session:
        events = [event async for event in session]
    spoken = [event for event in events if isinstance(event, Speech)]
    assert [len(piece.pcm) for piece in spoken] == [10, 10, 0]
    assert [piece.last for piece in spoken] == [False, False, True]
    assert {(piece.speed, piece.backlog_s) for piece in spoken} == {(1.2, 4.5)}
    assert [event.data.into for event in events if isinstance(event, m.SpeechMergedMessage)] == [1]
    for piece in spoken[:2]:
        np.testing.assert_array_equal(piece.pcm, pcm)


async def test_opus_goes_out_in_packets_of_20_ms_and_comes_back_decoded() -> None:
    pcm = voice(1.01, 24_000)
    received: list[bytes] = []

    async def script(server: Server) -> None:
        start = await server.begin()
        assert start.audio == m.AudioFormat(encoding="opus", sample_rate=48_000)
        while isinstance(packet := await server.receive(), bytes):
            received.append(packet)

        async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
            await server.send(message)
            if payload:
                await server.socket.send(payload)

        speech = OpusSpeech(emit)
        common = {"clause": 0, "engine": "e", "sample_rate": 24_000}
        whole = m.SpeechAudio(**common, samples=len(pcm), last=False)
        await speech.emit(m.SpeechAudioMessage(data=whole), pcm.tobytes())
        await speech.emit(m.SpeechAudioMessage(data=m.SpeechAudio(**common, samples=0, last=True)))
        await server.finish()

    start = m.SessionStart(audio=m.AudioFormat(encoding="opus"), speech_format="opus")
    said = voice(1.5, 16_000)
    async with serving(script) as url, IzwiClient(url).session(start) as session:
        for piece in np.split(from_pcm16(said.tobytes()), [7, 5_000, 5_001, 20_000]):
            await session.send(piece)
        await session.end()
        events = [event async for event in session]
        assert session.sent.samples == len(said)
    assert {duration(packet) for packet in received} == {960}
    assert len(received) == 76  # 1.5 s and the encoder's delay
    heard = decoded(received)[PRE_SKIP:][: 3 * len(said)]
    assert snr_db(said[320:-320], soxr.resample(heard.astype(np.float32), 48_000, 16_000)[320:-320]) > 10
    spoken = np.concatenate([event.pcm for event in events if isinstance(event, Speech)])
    assert len(spoken) == 2 * len(pcm)
    assert snr_db(pcm[480:-480], soxr.resample(spoken.astype(np.float32), 48_000, 24_000)[480:-480]) > 10


@pytest.mark.parametrize("wrong", [{"sample_rate": 48_000}, {"encoding": "mulaw"}, {"encoding": "opus", "channels": 2}])
def test_a_format_that_the_client_does_not_send_is_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="the client sends mono"):
        IzwiClient().session(m.SessionStart(audio=m.AudioFormat.model_validate(wrong)))


def error(code: str, fatal: bool) -> m.ErrorMessage:
    data = m.ErrorData(code=code, message="no en-xx", retryable=False, fatal=fatal, request_id="r1")
    return m.ErrorMessage(data=data)


async def test_a_fatal_error_is_raised_typed_even_to_a_sender_without_credit() -> None:
    async def script(server: Server) -> None:
        await server.begin()
        await server.receive()
        await server.send(error("unsupported_pair", fatal=True))

    async with serving(script, window=8000) as url, IzwiClient(url).session() as session:
        with pytest.raises(UnsupportedPair, match=r"no en-xx .*r1"):
            await session.send(np.zeros(32_000, np.float32))
        with pytest.raises(UnsupportedPair):
            _ = [event async for event in session]


async def test_a_refused_start_is_raised_on_entering() -> None:
    async def script(server: Server) -> None:
        await server.receive()
        await server.send(error("unsupported_pair", fatal=True))

    async with serving(script) as url:
        with pytest.raises(UnsupportedPair):
            await IzwiClient(url).session().__aenter__()


async def test_a_passing_error_is_an_event() -> None:
    async def script(server: Server) -> None:
        await server.begin()
        await server.send(error("engine_failed", fatal=False))
        await server.finish()

    async with serving(script) as url, IzwiClient(url).session() as session:
        events = [event async for event in session]
    assert isinstance(events[0], m.ErrorMessage)


@pytest.mark.parametrize(("code", "expected"), [(1013, Overloaded), (1011, Unavailable), (1000, Unavailable)])
async def test_a_lost_connection_is_typed(code: int, expected: type[Exception]) -> None:
    async def script(server: Server) -> None:
        await server.begin()
        await server.socket.close(code)

    async with serving(script) as url, IzwiClient(url).session() as session:
        with pytest.raises(expected):
            _ = [event async for event in session]


async def test_nobody_listening_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot connect"):
        await IzwiClient("ws://127.0.0.1:9").session().__aenter__()


async def test_sending_after_the_end_is_a_violation() -> None:
    async def script(server: Server) -> None:
        await server.begin()
        await server.finish()

    async with serving(script) as url, IzwiClient(url).session() as session:
        _ = [event async for event in session]
        with pytest.raises(ProtocolViolation):
            await session.send(np.zeros(10, np.float32))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://h:1", "ws://h:1/ws/stream"),
        ("ws://h:1/", "ws://h:1/ws/stream"),
        ("wss://h/izwi/ws/stream", "wss://h/izwi/ws/stream"),
    ],
)
def test_the_path_of_the_url_may_be_left_out(url: str, expected: str) -> None:
    assert IzwiClient(url).url == expected
    assert SendClock().samples == 0


async def test_a_server_that_closes_before_the_session_starts_is_a_typed_error() -> None:
    async def script(server: Server) -> None:
        await server.socket.close(1013)

    async with serving(script) as url:
        with pytest.raises(Overloaded):
            async with IzwiClient(url).session():
                pass
