"""Sessions whose translations take longer than their source: the voice keeps up, or the client is told why not."""

import asyncio

import numpy as np
import pytest

from deployments.ingress.intake import Intake
from izwi import messages as m
from izwi.audio import to_pcm16
from izwi.session import Session
from izwi.session_settings import SessionSettings
from izwi.settings import Settings
from izwi.stages import Samples, TtsRequest
from tests.unit.scripted import Run, Script, run, silence, speech

LIMITS = SessionSettings()
SENTENCE = ["one", "two", "three", "four", "five", "six", "seven."]
"""2.8 s."""


def talk(seconds: float) -> Samples:
    """Somebody who never stops."""
    return np.concatenate([speech(*SENTENCE * round(seconds / 0.4 / len(SENTENCE))), silence(1)])


def ends(heard: Run) -> dict[int, list[str]]:
    """How each clause ended, as the client was told."""
    told: dict[int, list[str]] = {}
    for message, _ in heard.events:
        match message:
            case m.SpeechAudioMessage(data=data) if data.last:
                told.setdefault(data.clause, []).append("said")
            case m.SpeechMergedMessage(data=data):
                told.setdefault(data.clause, []).append("merged")
            case m.SpeechSkippedMessage(data=data):
                told.setdefault(data.clause, []).append(data.reason)
            case _:
                pass
    return told


def unplayed(heard: Run) -> tuple[float, float]:
    """The most speech that a listener had not played yet, and the longest synthesis, in seconds."""
    received_s = busy_until_s = most = longest = turn = 0.0
    for message, payload in heard.events:
        match message:
            case m.AudioProgressMessage(data=data):
                received_s = data.received_samples / 16_000
            case m.SpeechAudioMessage(data=data):
                seconds = len(payload or b"") / 2 / data.sample_rate if data.samples else 0.0
                busy_until_s = max(busy_until_s, received_s) + seconds
                turn = 0.0 if data.last else turn + seconds
                longest = max(longest, turn)
                most = max(most, busy_until_s - received_s)
            case _:
                pass
    return most, longest


async def test_translations_twice_as_long_as_their_source_stay_within_a_bound_for_three_minutes() -> None:
    heard = await run(talk(180), Script(seconds_per_word=0.8))
    most, longest = unplayed(heard)
    assert longest == pytest.approx(5.6, abs=0.1)  # the first sentence, before anything is hurried
    # The bound: a clause is said up to speech_skip_s behind. The estimate of the clause before may be off by its pace.
    assert most <= LIMITS.speech_skip_s + longest + 0.5
    told = ends(heard)
    assert sorted(told) == list(range(len(heard.translations)))
    assert {len(how) for how in told.values()} == {1}
    how = [how for (how,) in told.values()]
    assert set(how) == {"said", "speech is too far behind"}
    assert how.count("said") > 0.55 * len(how)  # 1.25 / 2 of the time there is
    spoken = [e.data.clause for e in heard.of(m.SpeechAudioMessage)]
    assert spoken == sorted(spoken)
    assert max(e.data.speed for e in heard.of(m.SpeechAudioMessage)) == LIMITS.speech_hurry_speed


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0])
async def test_translations_as_long_as_their_source_are_said_as_asked(ratio: float) -> None:
    heard = await run(talk(60), Script(seconds_per_word=0.4 * ratio))
    assert {how for (how,) in ends(heard).values()} == {"said"}
    audio = [e.data for e in heard.of(m.SpeechAudioMessage)]
    if ratio < 1:
        assert {data.speed for data in audio} == {1.0}
    assert max(data.backlog_s for data in audio) < 3


async def test_a_speaker_who_pauses_gets_everything_said_and_the_voice_back_to_normal() -> None:
    audio = np.concatenate([talk(12), silence(15), speech(*SENTENCE), silence(1)])
    heard = await run(audio, Script(seconds_per_word=0.7))
    assert {how for (how,) in ends(heard).values()} == {"said"}
    speeds = [e.data.speed for e in heard.of(m.SpeechAudioMessage)]
    assert max(speeds) > 1.1
    assert (speeds[0], speeds[-1]) == (1.0, 1.0)


async def file(audio: Samples, script: Script, delay: int = 0) -> Run:
    """A client that sends half-seconds as its credit allows, ``delay`` rounds of the event loop apart, in no time."""
    settings = Settings(_env_file=None, session=SessionSettings(translation_queue=100))  # type: ignore[call-arg]
    events: list[tuple[m.ServerMessage, bytes | None]] = []
    intake, received, moved = Intake(settings, 15.0, clock=lambda: 0.0), 0, asyncio.Event()
    intake.open(m.AudioFormat())

    async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
        nonlocal received
        events.append((message, payload))
        await asyncio.sleep(0)  # as on a socket, others get their turn
        if isinstance(message, m.AudioProgressMessage):
            received = message.data.received_samples
            moved.set()

    async def client() -> None:
        for begin in range(0, len(audio), 8000):
            while begin + 8000 - received > intake.window:
                moved.clear()
                await moved.wait()
            intake.push(to_pcm16(audio[begin : begin + 8000]))
            for _ in range(delay):
                await asyncio.sleep(0)
        intake.end()

    start = m.SessionStart(source_language="en", target_language="es")
    session = Session(start, settings, script.stages(), emit, lambda: intake.live)
    await asyncio.gather(client(), session.run(intake.stream()))
    return Run(events)


@pytest.mark.parametrize("ratio", [1.0, 3.0])
@pytest.mark.parametrize("delay", [0, 1, 4])
async def test_a_file_sent_as_fast_as_possible_is_said_in_full_and_as_asked(ratio: float, delay: int) -> None:
    sentences = [np.concatenate([speech(*SENTENCE, *SENTENCE), silence(0.8)]) for _ in range(12)]
    heard = await file(np.concatenate(sentences), Script(seconds_per_word=0.4 * ratio), delay)
    assert set(map(tuple, ends(heard).values())) == {("said",)}
    assert {(e.data.speed, e.data.backlog_s) for e in heard.of(m.SpeechAudioMessage)} == {(1.0, 0.0)}


async def test_a_file_without_pauses_is_no_load() -> None:
    """Its passes take all audio there is, half a minute at a time, because the recogniser was behind for a moment."""
    heard = await file(talk(120), Script(seconds_per_word=0.4, asr_delay=0.002))
    assert set(map(tuple, ends(heard).values())) == {("said",)}
    assert heard.of(m.SessionLoadMessage) == []


async def test_the_end_of_the_audio_hurries_and_drops_nothing() -> None:
    script = Script(seconds_per_word=2.0)
    audio = speech(*SENTENCE, *SENTENCE)
    heard = await run(audio, script, chunks=[len(audio)])
    assert ends(heard) == {0: ["said"], 1: ["said"]}
    assert {r.speed for r in script.asked if isinstance(r, TtsRequest)} == {1.0}


async def test_slow_synthesis_far_behind_says_several_clauses_at_once_and_captions_do_not_wait() -> None:
    """The voice gets to work only every 12 s of audio: what has come in by then is said together."""
    script = Script(seconds_per_word=0.35)
    turn = asyncio.Event()
    chunks = 0

    async def pace() -> None:
        nonlocal chunks
        chunks += 1
        if chunks % 120 == 0:
            turn.set()

    plain = script._tts

    async def slow(request: TtsRequest):
        await turn.wait()
        turn.clear()
        async for chunk in plain(request):
            yield chunk

    script._tts = slow  # type: ignore[method-assign]
    audio = np.concatenate([talk(70), silence(40)])
    heard = await run(audio, script, pace=pace)
    told = ends(heard)
    assert sorted(told) == list(range(len(heard.translations)))
    assert {len(how) for how in told.values()} == {1}
    assert ["merged"] in told.values()
    until = next(i for i, (e, _) in enumerate(heard.events) if isinstance(e, m.SpeechAudioMessage))
    captions = [e for e, _ in heard.events[:until] if isinstance(e, m.TranslationCommittedMessage)]
    assert len(captions) >= 3
