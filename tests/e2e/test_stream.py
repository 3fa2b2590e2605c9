"""The main job on real sockets: words, order, translation, and speech that says the translation."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import jiwer
import numpy as np
import pytest
from faster_whisper import WhisperModel
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from izwi import messages as m
from izwi.client import IzwiClient, stream_paced
from izwi.client_events import Speech
from izwi.models import ASSETS, ensure, installed
from tests.e2e.conftest import Server
from tests.figures import FIGURES
from tests.metrics import scrape, value
from tests.speech import ENGLISH, GERMAN, LIBRIVOX, load, needs_english, needs_german, needs_librivox

PAUSE = np.zeros(12_000, np.float32)


@dataclass
class Heard:
    messages: list[m.ServerMessage] = field(default_factory=list)
    speech: list[Speech] = field(default_factory=list)

    def texts(self, kind: type) -> list[str]:
        return [message.data.text for message in self.messages if isinstance(message, kind)]


async def stream(server: Server, audio: np.ndarray, speed: float = 0.0, **start: object) -> Heard:
    heard = Heard()
    async with IzwiClient(server.ws).session(m.SessionStart(**start)) as session:  # type: ignore[arg-type]
        heard.messages.append(session.started)

        async def events() -> AsyncIterator[object]:
            async for event in session:
                yield event

        import asyncio

        async def send() -> None:
            await stream_paced(session, [audio], speed=speed)
            await session.end()

        sender = asyncio.create_task(send())
        async for event in events():
            if isinstance(event, Speech):
                heard.speech.append(event)
            else:
                heard.messages.append(event)  # type: ignore[arg-type]
        await sender
    return heard


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    return WhisperModel(str(ensure("whisper-base", None)), device="cpu", compute_type="int8", cpu_threads=2)


@needs_librivox
async def test_english_becomes_spanish_text_and_speech(server: Server, whisper: WhisperModel) -> None:
    clips = [load(clip.path) for clip in LIBRIVOX[:3]]
    heard = await stream(
        server,
        np.concatenate([part for clip in clips for part in (clip, PAUSE)]),
        speed=1.0,
        source_language="en",
        target_language="es",
    )
    normal = EnglishTextNormalizer()
    transcript = normal(" ".join(heard.texts(m.TranscriptFinalMessage)))
    reference = normal(" ".join(clip.text for clip in LIBRIVOX[:3]))
    assert jiwer.wer(reference, transcript) < 0.15

    committed = [e.data for e in heard.messages if isinstance(e, m.TranscriptCommittedMessage)]
    finals = [e.data for e in heard.messages if isinstance(e, m.TranscriptFinalMessage)]
    for final in finals:
        assert "".join(c.text for c in committed if c.utterance == final.utterance) == final.text
    times = [word.start_s for c in committed for word in c.words]
    assert times == sorted(times)

    translations = [e.data for e in heard.messages if isinstance(e, m.TranslationCommittedMessage)]
    assert [t.clause for t in translations] == list(range(len(translations)))
    closed = [s.clause for s in heard.speech if s.last]
    assert closed == sorted(closed)
    elsewhere = [e.data.clause for e in heard.messages if isinstance(e, m.SpeechMergedMessage | m.SpeechSkippedMessage)]
    assert sorted(closed + elsewhere) == [t.clause for t in translations]
    durable = [e.seq for e in heard.messages if e.durable]
    assert durable == list(range(1, len(durable) + 1))

    audio = np.concatenate([s.pcm for s in heard.speech])
    rate = next(s.sample_rate for s in heard.speech if len(s.pcm))
    assert 0.5 < len(audio) / rate / (sum(map(len, clips)) / 16_000) < 2.0
    import soxr

    said = soxr.resample(audio.astype(np.float32) / 32768, rate, 16_000)
    back = " ".join(segment.text for segment in whisper.transcribe(said, language="es", beam_size=5)[0])
    words = BasicTextNormalizer()(" ".join(t.text for t in translations)).split()
    heard_back = set(BasicTextNormalizer()(back).split())
    found = sum(word in heard_back for word in words) / len(words)
    assert found > 0.6, f"{found:.0%} of {words} in {back}"


@needs_librivox
async def test_a_file_sent_as_fast_as_possible_is_said_in_full_and_as_asked(server: Server) -> None:
    audio = np.concatenate([part for clip in LIBRIVOX[:4] for part in (load(clip.path), PAUSE)])
    heard = await stream(server, audio, source_language="en", target_language="es")
    translations = [e.data.clause for e in heard.messages if isinstance(e, m.TranslationCommittedMessage)]
    assert [s.clause for s in heard.speech if s.last] == translations
    assert {(s.speed, s.backlog_s) for s in heard.speech} == {(1.0, 0.0)}


@needs_librivox
async def test_captions_only(server: Server) -> None:
    heard = await stream(server, load(LIBRIVOX[4].path), source_language="en")
    assert "amiable" in heard.texts(m.TranscriptFinalMessage)[0].lower()
    assert heard.texts(m.TranslationCommittedMessage) == []
    assert heard.speech == []


@needs_librivox
async def test_the_language_is_detected(server: Server) -> None:
    heard = await stream(server, load(LIBRIVOX[0].path), source_language="auto", target_language="es", speech=False)
    finals = [e.data for e in heard.messages if isinstance(e, m.TranscriptFinalMessage)]
    assert {final.language for final in finals} == {"en"}
    assert heard.texts(m.TranslationCommittedMessage)


@pytest.mark.skipif(not installed("campplus"), reason=ASSETS["campplus"].fix)
@needs_librivox
@needs_english
async def test_each_utterance_is_somebodys_and_no_transcript_waits_for_that(server: Server) -> None:
    one, other = load(LIBRIVOX[0].path), next(a for clip in ENGLISH if len(a := load(clip.path)) > 6 * 16_000)
    audio = np.concatenate([part for clip in (one, other, one) for part in (clip, PAUSE)])
    heard = await stream(server, audio, source_language="en", with_speaker=True)
    finals = [e.data for e in heard.messages if isinstance(e, m.TranscriptFinalMessage) and e.data.text.strip()]
    told = {e.data.utterance: e.data.speaker for e in heard.messages if isinstance(e, m.TranscriptSpeakerMessage)}
    assert [final.utterance for final in finals] == sorted(told)
    bounds = (len(one) / 16_000, (len(one) + len(PAUSE) + len(other)) / 16_000)
    for final in finals:
        first = not bounds[0] < (final.start_s + final.end_s) / 2 < bounds[1]
        assert told[final.utterance] == ("SPEAKER_00" if first else "SPEAKER_01")


@needs_german
async def test_a_pair_without_an_engine_is_reported_and_the_captions_go_on(server: Server) -> None:
    heard = await stream(server, load(GERMAN[0]), source_language="auto", target_language="es", speech=False)
    errors = [e.data for e in heard.messages if isinstance(e, m.ErrorMessage)]
    assert {error.code for error in errors} == {"unsupported_pair"}
    finals = [e.data for e in heard.messages if isinstance(e, m.TranscriptFinalMessage)]
    assert {final.language for final in finals} == {"de"}


@needs_english
async def test_word_error_rate_over_the_socket(server: Server) -> None:
    """Streamed as fast as the credit allows: later windows then hold more audio, the committed text must not suffer."""
    normal = EnglishTextNormalizer()
    references, hypotheses = [], []
    for clip in ENGLISH:
        heard = await stream(server, load(clip.path), source_language="en")
        references.append(normal(clip.text))
        hypotheses.append(normal(" ".join(heard.texts(m.TranscriptFinalMessage))))
    rate = jiwer.wer(references, hypotheses)
    FIGURES.append(f"WER {rate:.1%}: streamed over the socket, {len(ENGLISH)} clips")
    assert rate <= 0.08


async def test_live_sessions_are_known_to_the_metrics(server: Server) -> None:
    async with IzwiClient(server.ws).session(m.SessionStart(source_language="en")):
        assert value(scrape(server.http), "izwi_live_sessions") == 1
    assert json.loads(httpx.get(f"{server.http}/readyz").text)["ready"]


@needs_librivox
async def test_who_speaks_is_told_from_who_listens(server: Server) -> None:
    async with IzwiClient(server.ws).session(m.SessionStart(source_language="en")) as session:
        assert value(scrape(server.http), "izwi_live_speakers") == 0
        await session.send(load(LIBRIVOX[0].path)[: 5 * 16_000])
        async for event in session:
            if isinstance(event, m.SpeechStartedMessage):
                break
        assert value(scrape(server.http), "izwi_live_speakers") == 1
