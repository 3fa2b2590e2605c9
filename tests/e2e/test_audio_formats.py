"""Real speech in every format that a client may send, and translated speech as Opus."""

import asyncio
import json
import wave
from pathlib import Path
from urllib.parse import urlsplit

import av
import jiwer
import numpy as np
import pytest
import soxr
from faster_whisper import WhisperModel
from typer.testing import CliRunner
from websockets.asyncio.client import ClientConnection, connect
from whisper_normalizer.english import EnglishTextNormalizer

from izwi import messages as m
from izwi.audio import to_pcm16
from izwi.cli import app
from izwi.client_events import Speech
from izwi.models import ensure
from izwi.opus import OpusEncoder
from loadtests.chaos.network import FaultProxy
from tests.e2e.conftest import Server
from tests.e2e.test_resume import clips, speak, wer
from tests.speech import LIBRIVOX, needs_librivox

OPUS = {"audio": m.AudioFormat(encoding="opus"), "speech_format": "opus"}
LEAD = 200_000
"""Samples (16 kHz) that a sender of a file stays ahead at most: the window is 240,000."""


def resampled(audio: np.ndarray, rate: int) -> np.ndarray:
    return soxr.resample(audio, 16_000, rate)


def companded(audio: np.ndarray, law: str) -> list[bytes]:
    """8 kHz in frames of 20 ms, by FFmpeg's encoder: another one than what decodes it."""
    codec = av.CodecContext.create(f"pcm_{law}", "w")
    codec.sample_rate, codec.layout, codec.format = 8000, "mono", "s16"  # type: ignore[attr-defined]
    pcm = np.frombuffer(to_pcm16(resampled(audio, 8000)), "<i2")
    frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
    frame.sample_rate = 8000
    return cut(b"".join(bytes(packet) for packet in codec.encode(frame)), 160)  # type: ignore[attr-defined]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


def packets(audio: np.ndarray) -> list[bytes]:
    encoder = OpusEncoder(48_000)
    pcm = np.frombuffer(to_pcm16(resampled(audio, 48_000)), "<i2").astype(np.int16)
    return encoder.push(pcm) + encoder.finish()


def frames(audio: np.ndarray, form: m.AudioFormat) -> list[bytes]:
    match form.encoding:
        case "opus":
            return packets(audio)
        case "mulaw" | "alaw":
            return companded(audio, form.encoding)
        case "pcm_f32le":
            return cut(resampled(audio, form.sample_rate).astype("<f4").tobytes(), 4 * form.sample_rate // 10)
        case "pcm_s16le":
            return cut(to_pcm16(resampled(audio, form.sample_rate)), 2 * form.sample_rate // 10)


async def send(socket: ClientConnection, sent: list[bytes], seconds: float, received: list[int]) -> None:
    """At some ten times the pace of speech, and never beyond the window."""
    for number, frame in enumerate(sent):
        while number / len(sent) * seconds * 16_000 - received[-1] > LEAD:
            await asyncio.sleep(0.02)
        await socket.send(frame)
        await asyncio.sleep(seconds / len(sent) / 10)
    await socket.send(m.AudioEndMessage().model_dump_json())


async def told(server: Server, form: m.AudioFormat, sent: list[bytes], seconds: float) -> list[m.ServerMessage]:
    """Everything that a session says to these frames."""
    messages: list[m.ServerMessage] = []
    received = [0]
    async with connect(server.ws, proxy=None) as socket:
        start = m.SessionStart(source_language="en", audio=form)
        await socket.send(m.SessionStartMessage(data=start).model_dump_json())
        messages.append(m.parse_server(await socket.recv()))
        assert isinstance(messages[0], m.SessionStartedMessage), messages[0]
        sending = asyncio.create_task(send(socket, sent, seconds, received))
        async for frame in socket:
            message = m.parse_server(frame)
            messages.append(message)
            if isinstance(message, m.PingMessage):
                await socket.send(m.PongMessage().model_dump_json())
            if isinstance(message, m.AudioProgressMessage):
                received.append(message.data.received_samples)
        await sending
    assert isinstance(messages[-1], m.SessionEndedMessage), messages[-1]
    return messages


def error_rate(reference: str, messages: list[m.ServerMessage]) -> float:
    normal = EnglishTextNormalizer()
    heard = " ".join(message.data.text for message in messages if isinstance(message, m.TranscriptFinalMessage))
    return jiwer.wer(normal(reference), normal(heard))


@needs_librivox
@pytest.mark.parametrize(
    "form",
    [
        {"encoding": "opus"},
        {"encoding": "mulaw"},
        {"encoding": "alaw"},
        {"sample_rate": 24_000},
        {"sample_rate": 48_000},
        {"encoding": "pcm_f32le", "sample_rate": 48_000},
    ],
    ids=lambda form: "-".join(map(str, form.values())),
)
async def test_words_come_whatever_the_format(server: Server, form: dict[str, object]) -> None:
    audio, text = clips(3)
    seconds = len(audio) / 16_000
    wanted = m.AudioFormat.model_validate(form)
    messages = await told(server, wanted, frames(audio, wanted), seconds)
    assert not [message for message in messages if isinstance(message, m.ErrorMessage)]
    assert error_rate(text, messages) < 0.2
    assert messages[-1].data.audio_s == pytest.approx(seconds, abs=0.05)  # type: ignore[union-attr]


@needs_librivox
async def test_damaged_packets_are_told_one_by_one_and_the_words_come(server: Server) -> None:
    audio, text = clips(2)
    form = m.AudioFormat(encoding="opus")
    sent = packets(audio)
    for number in range(0, len(sent), 50):
        sent[number] = (b"\xff\xff", b"", bytes(9000), b"\x03")[number // 50 % 4]
    messages = await told(server, form, sent, len(audio) / 16_000)
    errors = [message.data for message in messages if isinstance(message, m.ErrorMessage)]
    assert len(errors) == len(range(0, len(sent), 50))
    assert {(error.code, error.fatal, error.retryable) for error in errors} == {("damaged_audio", False, False)}
    assert error_rate(text, messages) < 0.3
    assert messages[-1].data.audio_s == pytest.approx(len(sent) / 50, abs=0.3)  # type: ignore[union-attr]


async def test_a_format_that_cannot_be_is_refused(server: Server) -> None:
    async with connect(server.ws, proxy=None) as socket:
        await socket.send('{"type": "session.start", "data": {"audio": {"encoding": "opus", "sample_rate": 16000}}}')
        answer = m.parse_server(await socket.recv())
        assert isinstance(answer, m.ErrorMessage)
        assert answer.data.code == "invalid_message"
        assert "48000" in answer.data.message


@needs_librivox
async def test_speech_as_opus_says_the_same(server: Server) -> None:
    audio, text = clips(2)
    heard = await speak(server.ws, audio, target_language="en", speech=True, **OPUS)
    heard.check()
    assert wer(text, heard) < 0.2
    spoken = heard.of(Speech)
    assert {piece.sample_rate for piece in spoken} == {48_000}
    said = soxr.resample(np.concatenate([piece.pcm for piece in spoken]).astype(np.float32) / 32768, 48_000, 16_000)
    model = WhisperModel(str(ensure("whisper-base", None)), device="cpu", compute_type="int8", cpu_threads=2)
    back = " ".join(segment.text for segment in model.transcribe(said, language="en", beam_size=5)[0])
    normal = EnglishTextNormalizer()
    translated = " ".join(event.data.text for event in heard.of(m.TranslationCommittedMessage))
    assert jiwer.wer(normal(translated), normal(back)) < 0.3, back


@needs_librivox
def test_the_command_line_sends_and_hears_opus(server: Server, tmp_path: Path) -> None:
    arguments = ["translate", str(LIBRIVOX[1].path), "--from", "en", "--to", "es", "--fast", "--opus", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--url", server.ws, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    normal = EnglishTextNormalizer()
    assert jiwer.wer(normal(LIBRIVOX[1].text), normal(summary["transcript"])) < 0.3
    with wave.open(summary["wav"]) as file:
        assert file.getframerate() == 48_000  # what Opus is decoded to; PCM comes at 24 kHz
        assert file.getnframes() > 24_000


@needs_librivox
async def test_an_opus_session_that_is_cut_loses_no_word_and_no_speech(server: Server) -> None:
    audio, text = clips(3)
    start = {"target_language": "en", "speech": True, **OPUS}
    async with FaultProxy(urlsplit(server.http).port or 0).running() as proxy:
        speaking = asyncio.create_task(speak(f"ws://127.0.0.1:{proxy.port}", audio, **start))
        for _ in range(6):
            await asyncio.sleep(2)
            proxy.cut()
        heard = await speaking
    heard.check()
    assert len(heard.resumed_at) >= 4
    assert wer(text, heard) < 0.2
    closed = [event.clause for event in heard.of(Speech) if event.last]
    ended = [event.data.clause for kind in (m.SpeechMergedMessage, m.SpeechSkippedMessage) for event in heard.of(kind)]
    assert sorted([*closed, *ended]) == list(range(len(heard.of(m.TranslationCommittedMessage))))


@needs_librivox
async def test_a_client_that_kept_packets_sends_them_again_from_where_it_is_told(server: Server) -> None:
    """As a device would whose encoder does not know of connections: it maps the offset to a packet of 20 ms."""
    audio, text = clips(2)
    sent = packets(audio)
    second = len(clips(1)[0]) // 320 + 40  # the first utterance is over, the second one under way
    before: list[m.ServerMessage] = []
    async with connect(server.ws, proxy=None) as socket:
        start = m.SessionStart(source_language="en", audio=m.AudioFormat(encoding="opus"))
        await socket.send(m.SessionStartMessage(data=start).model_dump_json())
        started = m.parse_server(await socket.recv())
        assert isinstance(started, m.SessionStartedMessage)
        await send_packets(socket, sent[:second])
        while not before or not isinstance(before[-1], m.TranscriptFinalMessage):
            before.append(m.parse_server(await socket.recv()))
    told = [message.data.acknowledged_samples for message in before if isinstance(message, m.AudioProgressMessage)]
    wanted = m.SessionResume(
        session_id=started.data.session_id,
        resume_token=started.data.resume_token,
        last_seq=before[-1].seq,
        acknowledged_samples=told[-1],
    )
    async with connect(server.ws, proxy=None) as socket:
        await socket.send(m.SessionResumeMessage(data=wanted).model_dump_json())
        resumed = m.parse_server(await socket.recv())
        assert isinstance(resumed, m.SessionResumedMessage)
        first, rest = divmod(resumed.data.from_samples, 320)
        assert rest == 0
        assert 0 < first < second
        assert resumed.data.from_samples >= max(0, told[-1] - 1_280) // 1_920 * 1_920
        await send_packets(socket, sent[first:])
        await socket.send(m.AudioEndMessage().model_dump_json())
        after = [m.parse_server(frame) async for frame in socket]
    assert isinstance(after[-1], m.SessionEndedMessage)
    durable = [message.seq for message in [*before, *after] if message.durable]
    assert durable == list(range(1, len(durable) + 1))
    assert error_rate(text, [*before, *after]) < 0.2
    assert after[-1].data.audio_s == pytest.approx(len(sent) / 50, abs=0.05)


async def send_packets(socket: ClientConnection, sent: list[bytes]) -> None:
    for packet in sent:
        await socket.send(packet)
        await asyncio.sleep(0.004)
