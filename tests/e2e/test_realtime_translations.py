"""OpenAI's realtime translation sessions: English speech in, Spanish text and speech out."""

import asyncio
import base64
import sys
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soxr
from faster_whisper import WhisperModel
from websockets.exceptions import ConnectionClosed
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from izwi.models import ensure
from tests.e2e.conftest import Server
from tests.e2e.realtime import RATE, Event, Talk, output_of, pcm, snippets, talking
from tests.speech import LIBRIVOX, load, needs_librivox

PATH = "/v1/realtime/translations?model=gpt-realtime-translate"
PAUSE = np.zeros(12_000, np.float32)


async def ask(talk: Talk, language: str, **audio_input: object) -> Event:
    audio = {"input": audio_input, "output": {"language": language}}
    await talk.send("session.update", session={"audio": audio})
    return await talk.next("session.updated", "error")


@needs_librivox
async def test_english_becomes_spanish_text_and_speech(server: Server) -> None:
    clips = LIBRIVOX[:3]
    audio = np.concatenate([part for clip in clips for part in (load(clip.path), PAUSE)])
    async with talking(server, PATH) as talk:
        assert (await ask(talk, "es", transcription={"model": "any"}))["type"] == "session.updated"
        await talk.append(pcm(audio))
        await talk.send("session.close")
        await talk.next("session.closed")
        with pytest.raises(ConnectionClosed):
            await talk.socket.recv()
        assert talk.socket.close_code == 1000
    assert not talk.of("error")

    normal = EnglishTextNormalizer()
    heard = talk.joined("session.input_transcript.delta")
    assert jiwer.wer(normal(" ".join(clip.text for clip in clips)), normal(heard)) < 0.15

    seconds_ms = 1000 * len(audio) / 16_000
    for kind in ("input_transcript", "output_transcript", "output_audio"):
        elapsed = [event["elapsed_ms"] for event in talk.of(f"session.{kind}.delta")]
        assert elapsed == sorted(elapsed)
        assert 0 < elapsed[0] <= elapsed[-1] <= seconds_ms

    speech = talk.of("session.output_audio.delta")
    assert {(e["sample_rate"], e["channels"], e["format"]) for e in speech} == {(RATE, 1, "pcm16")}
    said = np.frombuffer(b"".join(base64.b64decode(event["delta"]) for event in speech), "<i2")
    assert 0.5 < len(said) / RATE / (seconds_ms / 1000) < 2.0
    whisper = WhisperModel(str(ensure("whisper-base", None)), device="cpu", compute_type="int8", cpu_threads=2)
    samples = soxr.resample(said.astype(np.float32) / 32768, RATE, 16_000)
    segments, info = whisper.transcribe(samples, language=None, beam_size=5)
    back = set(BasicTextNormalizer()(" ".join(segment.text for segment in segments)).split())
    assert info.language == "es"
    words = BasicTextNormalizer()(talk.joined("session.output_transcript.delta")).split()
    found = sum(word in back for word in words) / len(words)
    assert found > 0.6, f"{found:.0%} of {words} in {back}"


@needs_librivox
async def test_the_program_in_the_documentation(server: Server, tmp_path: Path) -> None:
    program = snippets("python")[1].replace("ws://127.0.0.1:8000", server.http.replace("http", "ws", 1))
    audio = pcm(np.concatenate([load(LIBRIVOX[4].path), PAUSE]))
    printed = await output_of(sys.executable, "-c", program, folder=tmp_path, audio=audio, enough="never")
    assert printed  # it ended by itself
    assert (tmp_path / "translation.pcm").stat().st_size > RATE


async def test_what_a_client_may_not_do_is_told_and_the_session_lives_on(server: Server) -> None:
    async with talking(server, PATH) as talk:
        await talk.append(bytes(960))
        error = (await talk.next("error"))["error"]
        assert (error["code"], error["param"]) == ("protocol_violation", "session.audio.output.language")
        error = (await ask(talk, "tlh"))["error"]
        assert (error["code"], error["param"]) == ("unsupported_pair", "session.audio.output.language")
        for event in ('{"type": "input_audio_buffer.append", "audio": ""}', "[", b"\0"):
            await talk.socket.send(event)
            assert (await talk.next("error"))["error"]["type"] == "invalid_request_error"
        assert (await ask(talk, "en"))["type"] == "session.updated"
        assert (await ask(talk, "es"))["session"]["audio"]["output"]["language"] == "es"
        await talk.append(bytes(RATE))
        error = (await ask(talk, "en"))["error"]
        assert (error["code"], error["param"]) == ("protocol_violation", "session.audio.output.language")
        await asyncio.gather(talk.send("session.close"), talk.append(bytes(960)))  # too late, or just not
        await talk.next("session.closed")


async def test_closing_without_audio(server: Server) -> None:
    async with talking(server, PATH) as talk:
        await talk.send("session.close")
        await talk.next("session.closed")
        with pytest.raises(ConnectionClosed):
            await talk.socket.recv()
        assert talk.socket.close_code == 1000
