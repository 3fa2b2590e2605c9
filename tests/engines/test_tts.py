"""Each engine of speech synthesis on real and on hostile text, and what becomes of its speech before it is sent."""

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deployments.tts import engine, espeak, kokoro
from deployments.tts.espeak import EspeakError
from deployments.tts.kokoro import MAX_TOKENS, SAMPLE_RATE, Kokoro
from deployments.tts.pcm import CLAUSE_PAUSE_S, SENTENCE_PAUSE_S, SPEECH_RATE, finish, pause_s, speak
from izwi import models
from izwi.errors import ModelMissing
from izwi.settings import Settings
from izwi.stage_settings import TtsSettings
from izwi.stages import TtsRequest
from tests.engines.tts import ENGLISH, FRENCH, SPANISH, needs, recognised


@pytest.mark.parametrize(
    ("name", "language", "text", "share"),
    [
        pytest.param("piper", "en", ENGLISH, 0.9, marks=needs["piper"]),
        pytest.param("kokoro", "en", ENGLISH, 0.8, marks=needs["kokoro"]),
        pytest.param("kokoro", "es", SPANISH, 0.8, marks=needs["kokoro"]),
        pytest.param("kokoro", "fr", FRENCH, 0.7, marks=needs["kokoro"]),
    ],
)
def test_a_recogniser_understands(
    tts_engines: dict[str, engine.TtsEngine], whisper: WhisperModel, name: str, language: str, text: str, share: float
) -> None:
    pcm, rate = tts_engines[name].synthesise(text, language, None, 1.0)
    assert recognised(whisper, pcm, rate, language, text) >= share


@needs["espeak"]
@pytest.mark.parametrize("language", ["en", "es", "de", "zh", "ar", "sw"])
def test_espeak_speaks(tts_engines: dict[str, engine.TtsEngine], language: str) -> None:
    text = {"zh": "今天天气很好。", "ar": "صباح الخير يا صديقي"}.get(language, SPANISH)
    pcm, rate = tts_engines["espeak"].synthesise(text, language, None, 1.0)
    assert pcm.dtype == np.int16
    assert 0.5 < pcm.size / rate < 10
    assert np.abs(pcm.astype(int)).max() > 3000


@pytest.mark.parametrize("name", [pytest.param(name, marks=mark) for name, mark in needs.items()])
class TestEveryEngine:
    @pytest.mark.parametrize("text", ["", "  ", "...", "¿?", "—", "😀", "\0", "[[]]", "\ud800"])
    def test_nothing_to_say(self, tts_engines: dict[str, engine.TtsEngine], name: str, text: str) -> None:
        pcm, rate = tts_engines[name].synthesise(text, "en", None, 1.0)
        assert finish(pcm, rate, text).size == 0

    @pytest.mark.parametrize(
        "text", ["a\0b", "\ud800 house", "[[a", "<speak>house</speak>", "--version", "-w x.wav", "日本 house", "&amp;"]
    )
    def test_odd_text_is_spoken(self, tts_engines: dict[str, engine.TtsEngine], name: str, text: str) -> None:
        pcm, rate = tts_engines[name].synthesise(text, "en", None, 1.0)
        assert 0.1 < finish(pcm, rate, text).size / SPEECH_RATE < 6

    def test_speed(self, tts_engines: dict[str, engine.TtsEngine], name: str) -> None:
        slow, normal, fast = (
            tts_engines[name].synthesise("They walked home.", "en", None, speed)[0].size for speed in (0.7, 1, 1.6)
        )
        assert fast < 0.75 * normal < normal < 0.9 * slow

    def test_any_speed_is_kept(self, tts_engines: dict[str, engine.TtsEngine], name: str) -> None:
        text = "They walked to the big house on the hill."

        def seconds(speed: float) -> float:
            return speak(tts_engines[name], text, TtsRequest(text, "en", speed=speed)).size / SPEECH_RATE

        normal = seconds(1.0)
        for speed in (0.25, 0.5, 0.9, 1.2, 2.0, 4.0):
            assert normal / seconds(speed) == pytest.approx(speed, rel=0.15)

    def test_its_voices_speak_its_languages(self, tts_engines: dict[str, engine.TtsEngine], name: str) -> None:
        voices = tts_engines[name].voices
        assert frozenset().union(*voices.values()) == tts_engines[name].languages
        assert "en" in next(iter(voices.values())) or name == "espeak"

    def test_an_unknown_voice_is_the_default_one(self, tts_engines: dict[str, engine.TtsEngine], name: str) -> None:
        assert tts_engines[name].synthesise("house", "en", "no such voice", 1.0)[0].size > 1000


@needs["piper"]
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30))
def test_no_text_breaks_piper(tts_engines: dict[str, engine.TtsEngine], text: str) -> None:
    assert tts_engines["piper"].synthesise(text, "en", None, 1.0)[0].dtype == np.int16


@needs["piper"]
@pytest.mark.parametrize("text", ["x." * 400, ("x." * 25 + " ") * 40, "क्." * 100, "x.y. " * 100, "..a " * 400])
def test_texts_that_crash_espeak_do_not_kill_piper(tts_engines: dict[str, engine.TtsEngine], text: str) -> None:
    """Phonemes only, in this process as in production: synthesising minutes of letters takes as long."""
    from deployments.tts.piper import MAX_CHARS

    voice = tts_engines["piper"]._voice
    for part in textwrap.wrap(engine.speakable(text), MAX_CHARS):
        assert voice.phonemize(part)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [("U.S.A. at 3.5", "U.S.A. at 3.5"), ("x." * 9, "x " * 8 + "x"), ("a [b]\0c", "a  b  c"), (" ... ", "")],
)
def test_speakable(text: str, spoken: str) -> None:
    assert engine.speakable(text) == spoken


def test_a_crash_of_espeak_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EspeakError, match="exit status -11"):
        espeak.run("-q", text="house")


@needs["kokoro"]
def test_kokoro_voices_differ(tts_engines: dict[str, engine.TtsEngine]) -> None:
    one, other = (tts_engines["kokoro"].synthesise("Hola.", "es", voice, 1.0)[0] for voice in ("jf_alpha", "jm_kumo"))
    assert one.size != other.size


@needs["kokoro"]
def test_kokoro_does_not_speak_language_marks(tts_engines: dict[str, engine.TtsEngine]) -> None:
    tokenise = Kokoro._tokenise
    assert "(en)" in " ".join(espeak.phonemes("Le smartphone et le weekend.", "fr")).replace("^", "")
    assert "(" not in tokenise(tts_engines["kokoro"], "Le smartphone et le weekend.", "fr")


@needs["kokoro"]
def test_kokoro_takes_texts_beyond_its_context(tts_engines: dict[str, engine.TtsEngine]) -> None:
    pcm, _ = tts_engines["kokoro"].synthesise(SPANISH * 8, "es", None, 4.0)
    assert pcm.size / SAMPLE_RATE > 8


@pytest.mark.parametrize("phonemes", ["", "abc", "a" * 1200, "ab " * 400, " " * 501])
def test_split_loses_nothing(phonemes: str) -> None:
    parts = kokoro.split(phonemes)
    assert "".join(parts) == phonemes
    assert all(0 < len(part) <= MAX_TOKENS for part in parts)


@needs["espeak"]
def test_espeak_failures_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EspeakError, match="unrecognized option"):
        espeak.run("--no-such-option")
    monkeypatch.setattr(espeak, "TIMEOUT_S", 0.001)
    with pytest.raises(EspeakError, match="no answer"):
        espeak.run("--stdout", text=ENGLISH)


def test_finish_trims_resamples_and_pauses() -> None:
    tone = (8000 * np.sin(np.arange(22_050))).astype(np.int16)
    silence = np.zeros(11_025, np.int16)
    speech = finish(np.concatenate([silence, tone, silence]), 22_050, "one, two.")
    assert speech.dtype == np.int16
    assert speech.size == pytest.approx((1 + 0.06 + SENTENCE_PAUSE_S) * SPEECH_RATE, abs=50)
    assert finish(silence, 22_050, "one.").size == 0


@pytest.mark.parametrize(
    ("text", "pause"), [("one", 0), ("one,", CLAUSE_PAUSE_S), ("“one.”", SENTENCE_PAUSE_S), ("好。", SENTENCE_PAUSE_S)]
)
def test_pauses(text: str, pause: float) -> None:
    assert pause_s(text) == pause


def test_no_engine_at_all() -> None:
    with pytest.raises(ModelMissing, match="no-such-engine"):
        engine.load(Settings(tts=TtsSettings(engines=("no-such-engine",))))


@needs["kokoro"]
def test_the_vocabulary_has_the_letters_for_tied_phonemes() -> None:
    folder = models.ensure("kokoro-int8", None)
    vocabulary = json.loads((folder / "vocab.json").read_text())["vocab"]
    assert set(kokoro._TIED.values()) - {"s^s", "S"} <= set(vocabulary)
