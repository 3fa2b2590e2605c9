"""A session whose connection breaks goes on: nothing is lost, nothing is said twice."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import jiwer
import numpy as np
import psutil
import pytest
from websockets.asyncio.client import connect
from whisper_normalizer.english import EnglishTextNormalizer

from izwi import messages as m
from izwi.client import IzwiClient, Session, stream_paced
from izwi.client_events import Event, Speech
from izwi.errors import SessionGone
from loadtests.chaos.network import FaultProxy
from tests.e2e.conftest import Server
from tests.replicas import replica_pid
from tests.speech import LIBRIVOX, load, needs_librivox

PAUSE = np.zeros(12_000, np.float32)


@dataclass
class Heard:
    """What one client was told, over all its connections."""

    events: list[Event] = field(default_factory=list)
    resumed_at: list[float] = field(default_factory=list)
    session: Session | None = None

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def finals(self) -> list[str]:
        return [event.data.text for event in self.of(m.TranscriptFinalMessage)]

    def check(self) -> None:
        """What holds of every session, interrupted or not."""
        durable = [event.seq for event in self.events if not isinstance(event, Speech) and event.durable]
        assert durable == list(range(1, len(durable) + 1))
        committed: dict[int, str] = {}
        for event in self.of(m.TranscriptCommittedMessage):
            committed[event.data.utterance] = committed.get(event.data.utterance, "") + event.data.text
        finals = {event.data.utterance: event.data.text for event in self.of(m.TranscriptFinalMessage)}
        assert list(finals) == list(range(len(finals)))
        assert {number: text.strip() for number, text in committed.items()} == {
            number: text for number, text in finals.items() if text
        }
        ends = [event.data.end_s for event in self.of(m.TranscriptFinalMessage)]
        assert ends == sorted(ends)
        translations = [event.data.clause for event in self.of(m.TranslationCommittedMessage)]
        assert translations == list(range(len(translations)))


async def speak(url: str, audio: np.ndarray, /, api_key: str | None = None, **start: object) -> Heard:
    heard = Heard()
    options = {"source_language": "en", "target_language": "es", "speech": False, **start}
    async with IzwiClient(url, api_key=api_key).session(m.SessionStart(**options)) as session:  # type: ignore[arg-type]
        heard.session = session

        async def send() -> None:
            await stream_paced(session, [audio])
            await session.end()

        sending = asyncio.create_task(send())
        async for event in session:
            heard.events.append(event)
            if isinstance(event, m.SessionResumedMessage):
                heard.resumed_at.append(time.monotonic())
        await sending
    return heard


def clips(count: int) -> tuple[np.ndarray, str]:
    audio = np.concatenate([part for clip in LIBRIVOX[:count] for part in (load(clip.path), PAUSE)])
    return audio, " ".join(clip.text for clip in LIBRIVOX[:count])


def wer(reference: str, heard: Heard) -> float:
    normal = EnglishTextNormalizer()
    return jiwer.wer(normal(reference), normal(" ".join(heard.finals)))


@needs_librivox
async def test_cut_again_and_again(server: Server) -> None:
    audio, text = clips(3)
    rng = random.Random(1)
    async with FaultProxy(urlsplit(server.http).port or 0).running() as proxy:
        speaking = asyncio.create_task(speak(f"ws://127.0.0.1:{proxy.port}", audio))
        cuts = 0
        while not speaking.done():
            await asyncio.wait([speaking], timeout=rng.uniform(0.5, 3.0))
            cuts += bool(not speaking.done() and proxy.cut())
        heard = await speaking
    heard.check()
    assert cuts >= 5
    assert len(heard.resumed_at) >= 5
    assert wer(text, heard) < 0.2


@needs_librivox
async def test_a_network_that_is_silent_for_a_while(server: Server) -> None:
    audio, text = clips(3)
    async with FaultProxy(urlsplit(server.http).port or 0).running() as proxy:
        speaking = asyncio.create_task(speak(f"ws://127.0.0.1:{proxy.port}", audio))
        await asyncio.sleep(4)
        proxy.stall()
        await asyncio.sleep(10)
        proxy.flow()
        heard = await speaking
    heard.check()
    assert heard.resumed_at
    assert wer(text, heard) < 0.2


@needs_librivox
async def test_speech_goes_on_where_it_was_cut(server: Server) -> None:
    audio, _ = clips(2)
    start = {"source_language": "en", "target_language": "en", "speech": True}
    undisturbed = asyncio.create_task(speak(server.ws, audio, **start))
    async with FaultProxy(urlsplit(server.http).port or 0).running() as proxy:
        speaking = asyncio.create_task(speak(f"ws://127.0.0.1:{proxy.port}", audio, **start))
        for _ in range(6):
            await asyncio.sleep(1.5)
            proxy.cut()
        heard, whole = await speaking, await undisturbed
    heard.check()
    for one in (whole, heard):
        closed = [event.clause for event in one.of(Speech) if event.last]
        ended = {
            event.data.clause for kind in (m.SpeechMergedMessage, m.SpeechSkippedMessage) for event in one.of(kind)
        }
        assert sorted([*closed, *ended]) == list(range(len(one.of(m.TranslationCommittedMessage))))
    spoken = [sum(len(event.pcm) / event.sample_rate for event in one.of(Speech)) for one in (whole, heard)]
    assert spoken[1] == pytest.approx(spoken[0], rel=0.2)


@needs_librivox
async def test_the_replica_that_holds_the_session_is_killed(server: Server) -> None:
    """There is one: the session waits until Serve has replaced it."""
    audio, text = clips(3)
    speaking = asyncio.create_task(speak(server.ws, audio))
    await asyncio.sleep(4)
    psutil.Process(replica_pid("ingress")).kill()
    heard = await speaking
    heard.check()
    assert len(heard.resumed_at) == 1
    assert wer(text, heard) < 0.2


async def test_a_session_can_be_taken_over_and_only_with_its_token(server: Server) -> None:
    second = np.zeros(1600, "<i2").tobytes()
    async with connect(server.ws, proxy=None) as first:
        await first.send(m.SessionStartMessage(data=m.SessionStart(source_language="en")).model_dump_json())
        started = m.parse_server(await first.recv())
        assert isinstance(started, m.SessionStartedMessage)
        assert started.data.resumable
        await first.send(second)
        for token, code in (("guess", "session_gone"), (started.data.resume_token, "")):
            async with connect(server.ws, proxy=None) as other:
                wanted = m.SessionResume(session_id=started.data.session_id, resume_token=token)
                await other.send(m.SessionResumeMessage(data=wanted).model_dump_json())
                answer = m.parse_server(await other.recv())
                if code:
                    assert isinstance(answer, m.ErrorMessage)
                    assert answer.data.code == code
                else:
                    assert isinstance(answer, m.SessionResumedMessage)
                    assert answer.data.from_samples == 0
                    async with asyncio.timeout(15):  # the first connection is told that it is no longer the one
                        while not isinstance(message := m.parse_server(await first.recv()), m.ErrorMessage):
                            pass
                    assert message.data.code == "session_taken"


async def test_a_session_that_ended_is_told_again_to_who_missed_it(server: Server) -> None:
    async with connect(server.ws, proxy=None) as first:
        await first.send(m.SessionStartMessage(data=m.SessionStart(source_language="en")).model_dump_json())
        started = m.parse_server(await first.recv())
        assert isinstance(started, m.SessionStartedMessage)
        await first.send(m.AudioEndMessage().model_dump_json())
        async for frame in first:
            assert isinstance(frame, str)
    async with connect(server.ws, proxy=None) as again:
        wanted = m.SessionResume(session_id=started.data.session_id, resume_token=started.data.resume_token)
        await again.send(m.SessionResumeMessage(data=wanted).model_dump_json())
        messages = [m.parse_server(frame) async for frame in again]
        assert isinstance(messages[0], m.SessionResumedMessage)
        assert isinstance(messages[-1], m.SessionEndedMessage)
        assert again.close_code == 1000
    assert SessionGone.code == "session_gone"
